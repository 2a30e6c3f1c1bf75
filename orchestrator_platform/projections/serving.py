"""Serving copies of an asset: whatever answers from its newest published version, and can be made anew from the lake.

A target is told what serves, never what happened: brought there from nowhere, from an older version, from a newer one
that was taken back, or from a half-done attempt, it ends in the same state.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ..errors import OrchestratorError
from ..lake.published import PublishedCut
from ..records.base import Record
from ..records.keys import AssetKey, Version
from ..records.receipts import Head


class Serving(Record):
    """What a target answers from: a version, or nothing; `error` is why it is not the published one.

    `data_version` is that of the content served: a version that restores an earlier one may have it too. `place` is
    where it is served: a folder, a collection behind an alias.
    """

    target: str
    asset: AssetKey
    version: Version | None = None
    data_version: str = ""
    place: str = ""
    error: str = ""


class Target(Protocol):
    """One serving copy of one asset."""

    @property
    def name(self) -> str:
        """Unique among the project's targets, and stable: `local:embeddings.advisory`."""
        ...

    @property
    def asset(self) -> AssetKey: ...

    def serving(self) -> Serving:
        """Returns what the target itself says that it serves; asks a server where there is one.

        Raises:
            OrchestratorError: It cannot be asked.
        """
        ...

    def bring(self, head: Head | None, cut: PublishedCut) -> Serving:
        """Makes the target serve exactly this head of the cut; `None`, or a withdrawn one: nothing at all.

        Raises:
            OrchestratorError: It could not; what it served before still serves, unless that was taken back.
        """
        ...

    def rebuild(self, head: Head | None, cut: PublishedCut) -> Serving:
        """Does so with nothing of what is there now reused."""
        ...


def bring_up(targets: Sequence[Target], cut: PublishedCut, state: Path) -> tuple[Serving, ...]:
    """Brings every target to what the cut serves; one that fails is reported and keeps nobody waiting."""
    return tuple(_bring(target, cut, state) for target in targets)


def _bring(target: Target, cut: PublishedCut, state: Path) -> Serving:
    head = cut.heads.get(target.asset)
    try:
        served = target.bring(head, cut)
    except OrchestratorError as error:
        before = remembered(state, target) or Serving(target=target.name, asset=target.asset)
        served = before.model_copy(update={"error": str(error)})
    remember(state, served)
    return served


def is_behind(served: Serving | None, head: Head | None) -> bool:
    """Says whether a target still has to be brought to the head."""
    if served is None or served.error:
        return True
    wanted = None if head is None or head.withdrawn else head.version
    return served.version != wanted


def remembered(state: Path, target: Target) -> Serving | None:
    """Returns what was last known of the target; a lost or damaged note means nothing is."""
    try:
        return Serving.model_validate_json(_note(state, target.name).read_bytes())
    except (OSError, ValueError):
        return None


def remember(state: Path, served: Serving) -> None:
    """Notes what a target serves, in one rename."""
    state.mkdir(parents=True, exist_ok=True)
    note = _note(state, served.target)
    partial = note.with_suffix(".partial")
    partial.write_text(json.dumps(served.model_dump(mode="json")), encoding="utf-8")
    partial.replace(note)


def _note(state: Path, target: str) -> Path:
    return state / f"{target.replace(':', '.')}.serving.json"
