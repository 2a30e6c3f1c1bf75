"""The target `mlflow:ASSET`: what the registry says that it serves, and how it is brought to what should.

Every step may be taken again: a version is known by the candidate that it was published from, an alias is set where it
names another, and whatever a stopped attempt left behind is found and used.
"""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import TargetFailed
from ...lake.published import PublishedCut
from ...learning.models.allowed_types import ALLOWED_TYPES
from ...records.keys import AssetKey, Version
from ...records.receipts import Head
from ..serving import Serving
from .connection import EXPERIMENT, RegistryPlace, connected
from .content import (
    ASSET,
    BEFORE,
    CANDIDATE,
    SERVES,
    Entry,
    Wanted,
    read_artefact,
    wanted_of,
    write_model,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION, PREVIOUS = "champion", "previous"
_FOLDER = "model"


@dataclass(frozen=True)
class RegistryTarget:
    """One model's versions in one registry, under the name that its component gives it."""

    asset: AssetKey
    model: str
    place: RegistryPlace
    allowed_types: Sequence[str] = ()
    say: Callable[[str], None] = lambda _: None

    @property
    def name(self) -> str:
        return f"mlflow:{self.asset}"

    def serving(self) -> Serving:
        """Returns what the registry says.

        Raises:
            TargetFailed: It cannot be asked.
        """
        nothing = Serving(target=self.name, asset=self.asset)
        if not self.place.is_there:
            return nothing
        with connected(self.place, self.name) as client:
            found = _aliased(client, self.model)
            if CHAMPION not in found:
                stray = f"the alias {PREVIOUS} stands without a {CHAMPION}" if PREVIOUS in found else ""
                return nothing.model_copy(update={"error": stray})
            champion = found[CHAMPION]
        told = champion.tags
        if told.get(ASSET) != self.asset or not told.get(SERVES, "").isdigit():
            error = f"the alias {CHAMPION} names version {champion.version}, which was not made for {self.asset}"
            return nothing.model_copy(update={"place": self._place(champion), "error": error})
        named = found[PREVIOUS].tags.get(CANDIDATE, "none of ours") if PREVIOUS in found else ""
        moved = (
            f"the alias {PREVIOUS} does not name the version that served before" if named != told.get(BEFORE) else ""
        )
        return Serving(
            target=self.name,
            asset=self.asset,
            version=Version(int(told[SERVES])),
            data_version=told.get("orchestrator.data_version", ""),
            place=self._place(champion),
            error=moved,
        )

    def bring(self, head: Head | None, cut: PublishedCut) -> Serving:
        """Makes the aliases name what serves and what served before; `None`: there are none.

        Raises:
            TargetFailed: It could not; what the alias named before it still names.
        """
        return self._bring(head, cut, anew=False)

    def rebuild(self, head: Head | None, cut: PublishedCut) -> Serving:
        """Does so in a registered model that is made anew.

        Raises:
            TargetFailed: It could not.
        """
        return self._bring(head, cut, anew=True)

    def _bring(self, head: Head | None, cut: PublishedCut, *, anew: bool) -> Serving:
        if head is None or head.withdrawn:
            return self._withdraw()
        wanted = wanted_of(cut, self.asset, head)
        with connected(self.place, self.name, anew=anew) as client:
            _require_own(client, self)
            if anew:
                _forget(client, self.model)
            _register(client, self)
            versions = self._enter(client, cut, wanted.entries)
            champion = self._appoint(client, head, wanted, versions)
        return Serving(
            target=self.name,
            asset=self.asset,
            version=head.version,
            data_version=head.data_version,
            place=self._place(champion),
        )

    def _withdraw(self) -> Serving:
        if self.place.is_there:
            with connected(self.place, self.name) as client:
                for alias in _aliased(client, self.model):
                    client.delete_registered_model_alias(self.model, alias)
        return Serving(target=self.name, asset=self.asset)

    def _enter(self, client: "MlflowClient", cut: PublishedCut, entries: Sequence[Entry]) -> Mapping[str, Any]:
        """Makes a version of each entry that has none, and returns them by candidate."""
        known = {
            version.tags[CANDIDATE]: version
            for version in client.search_model_versions(f"name = '{self.model}'")
            if CANDIDATE in version.tags
        }
        for entry in entries:
            candidate = entry.receipt.candidate
            if candidate not in known and entry.snapshot is not None:
                self.say(f"registering {self.asset} version {entry.receipt.version} as {self.model}")
                known[candidate] = self._create(client, cut, entry)
            for tag, value in entry.tags.items() if candidate in known else ():
                if known[candidate].tags.get(tag) != value:
                    client.set_model_version_tag(self.model, known[candidate].version, tag, value)
        return known

    def _create(self, client: "MlflowClient", cut: PublishedCut, entry: Entry) -> Any:
        from mlflow.entities import Metric

        run = _run_of(client, self.place, entry)
        with tempfile.TemporaryDirectory() as folder:
            write_model(Path(folder), read_artefact(cut, entry), entry, [*ALLOWED_TYPES, *self.allowed_types])
            client.log_artifacts(run.info.run_id, folder, _FOLDER)
        now = int(time.time() * 1000)
        client.log_batch(run.info.run_id, [Metric(name, value, now, 0) for name, value in entry.metrics.items()])
        client.set_terminated(run.info.run_id)
        return client.create_model_version(
            self.model,
            f"{run.info.artifact_uri}/{_FOLDER}",
            run.info.run_id,
            tags=entry.tags,
            description=f"{self.asset} version {entry.receipt.version}: {entry.receipt.reason}",
        )

    def _appoint(self, client: "MlflowClient", head: Head, wanted: Wanted, versions: Mapping[str, Any]) -> Any:
        """Moves the aliases; what the champion stands for is on it before it is one."""
        champion = versions.get(wanted.champion.receipt.candidate)
        if champion is None:
            fix = "Look: `orchestrator doctor`."
            raise TargetFailed(target=self.name, problem="the lake does not hold the served artefact", fix=fix)
        before = versions.get(wanted.before.receipt.candidate) if wanted.before else None
        said = {SERVES: str(head.version), BEFORE: before.tags.get(CANDIDATE, "") if before else ""}
        for tag, value in said.items():
            if champion.tags.get(tag) != value:
                client.set_model_version_tag(self.model, champion.version, tag, value)
        aliased = _aliased(client, self.model)
        for alias, version in ((CHAMPION, champion), (PREVIOUS, before)):
            named = aliased.get(alias)
            if version is None and named is not None:
                client.delete_registered_model_alias(self.model, alias)
            elif version is not None and (named is None or named.version != version.version):
                client.set_registered_model_alias(self.model, alias, version.version)
        return champion

    def _place(self, version: Any) -> str:
        return f"models:/{self.model}@{CHAMPION} → {version.version}"


def _aliased(client: "MlflowClient", model: str) -> dict[str, Any]:
    """The versions behind our aliases; none where the model is not registered."""
    registered = _registered(client, model)
    if registered is None:
        return {}
    return {
        alias: client.get_model_version(model, registered.aliases[alias])
        for alias in (CHAMPION, PREVIOUS)
        if alias in registered.aliases
    }


def _registered(client: "MlflowClient", model: str) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_registered_model(model)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise


def _require_own(client: "MlflowClient", target: RegistryTarget) -> None:
    """A model that somebody else registered under the name is left alone."""
    registered = _registered(client, target.model)
    if registered is not None and registered.tags.get(ASSET) != target.asset:
        problem = f"a model {target.model!r} is registered there that is not of {target.asset}"
        raise TargetFailed(target=target.name, problem=problem, fix="Give one of the two another name.")


def _register(client: "MlflowClient", target: RegistryTarget) -> None:
    if _registered(client, target.model) is None:
        client.create_registered_model(target.model, {ASSET: target.asset})


def _forget(client: "MlflowClient", model: str) -> None:
    for version in client.search_model_versions(f"name = '{model}'"):
        if version.run_id:
            client.delete_run(version.run_id)
    if _registered(client, model) is not None:
        client.delete_registered_model(model)


def _run_of(client: "MlflowClient", place: RegistryPlace, entry: Entry) -> Any:
    """The run that a version comes from: one that a stopped attempt began is gone on with."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    number = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT, place.artefacts)
    candidate = entry.receipt.candidate
    begun = client.search_runs([number], f"tags.`{CANDIDATE}` = '{candidate}'", max_results=1)
    named = f"{entry.receipt.asset}@{entry.receipt.version}"
    return begun[0] if begun else client.create_run(number, tags={CANDIDATE: candidate}, run_name=named)
