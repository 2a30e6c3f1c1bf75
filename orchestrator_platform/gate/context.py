"""Everything that the gate works with, put together once by whoever opens the platform."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from ..audits.audit import AuditPlan
from ..audits.dbt_checks import tests_judging
from ..authority.agent_files import Principal
from ..authority.seats import Seats
from ..lake.layout import LakeLayout
from ..lake.published import KeptCut, PublishedCut
from ..learning.embedders import Embedders
from ..records.alerts import AlertOptions
from ..records.declarations import AssetDeclaration, ModelBuild, ScoresBuild
from ..records.keys import AgentName, AssetKey, CandidateId
from ..settings import Settings
from ..transforming.dbt_project import DbtProject
from .kept import Kept


def utc_now() -> datetime:
    """Returns the time, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """Returns a name that sorts by time and is unique among processes."""
    return f"{utc_now():%Y%m%dT%H%M%S%f}-{os.urandom(4).hex()}"


def silent(message: str) -> None:
    """Says nothing."""


@dataclass(frozen=True)
class Gate:
    """`assets` come parents first. `say` tells a person what is being done.

    `definition_files` are the files that declare the assets, with their sha256 as they were loaded; `embedders` open
    what embeddings are built with, `judges` what they are judged with: never the same one. `alerts` is whom the project
    tells what.
    """

    settings: Settings
    assets: Mapping[AssetKey, AssetDeclaration]
    principals: Mapping[AgentName, Principal]
    seats: Mapping[AssetKey, Seats]
    dbt: DbtProject
    embedders: Embedders
    judges: Embedders
    variables: Mapping[str, Any] = field(default_factory=dict)
    definition_files: Mapping[Path, str] = field(default_factory=dict)
    alerts: AlertOptions | None = None
    now: Callable[[], datetime] = utc_now
    new_id: Callable[[], str] = new_id
    say: Callable[[str], None] = silent

    cuts: KeptCut = field(default_factory=KeptCut, repr=False, compare=False)
    # What a build would do, for a state of the home: whoever asks again and again shares it.
    plans: Kept[Any] = field(default_factory=Kept, repr=False, compare=False)

    def cut(self) -> PublishedCut:
        """Returns the newest cut; a lake that is missing, or was left behind by a crash, is made whole first."""
        return self.cuts.published(self.layout, self.settings.lock_timeout_seconds)

    def cut_for_readers(self) -> PublishedCut:
        """Returns the newest cut that readers may see, whatever stops a writer."""
        return self.cuts.for_readers(self.layout, self.settings.lock_timeout_seconds)

    @property
    def layout(self) -> LakeLayout:
        return LakeLayout(self.settings.home.lake)

    def new_candidate(self) -> CandidateId:
        return CandidateId(self.new_id())

    @cached_property
    def _parents(self) -> Mapping[AssetKey, tuple[AssetKey, ...]]:
        return {key: declared.parents for key, declared in self.assets.items()}

    def audit_plan(self, asset: AssetKey) -> AuditPlan:
        declaration = self.assets[asset]
        tests = tests_judging(asset, self.dbt.tests_of(asset), self._parents)
        others = {other for test in tests for other in test.assets if other != asset and other in self.assets}
        if isinstance(declaration.build, ModelBuild | ScoresBuild):
            others |= set(declaration.parents)
        read = tuple(self.assets[other].contract for other in sorted(others))
        home = self.settings.home
        return AuditPlan(declaration, tests, home.archive, read, embedders=self.judges, cache=home.cache / "audits")
