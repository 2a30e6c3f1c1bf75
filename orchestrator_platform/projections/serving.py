"""Serving copies of an asset: whatever answers from its newest published version, and can be made anew from the lake.

A target is told what serves, never what happened: brought there from nowhere, from an older version, from a newer one
that was taken back, or from a half-done attempt, it ends in the same state. What a target cannot do is kept and said;
it never harms the publication.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from ..errors import OrchestratorError, TargetFailed
from ..lake.published import PublishedCut
from ..records.base import Record
from ..records.keys import AssetKey, Version
from ..records.receipts import Head

NOTE = ".serving.json"


class Serving(Record):
    """What a target answers from: a version, or nothing; `error` is why it is not the published one.

    `data_version` is that of the content served: a version that restores an earlier one may have it too. `place` is
    where it is served: a folder, a collection behind an alias. `settings` is the hash of what the project said of it
    when it was brought there.
    """

    target: str
    asset: AssetKey
    version: Version | None = None
    data_version: str = ""
    place: str = ""
    error: str = ""
    settings: str = ""


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


@dataclass(frozen=True)
class DeclaredTarget:
    """A target, and the hash of what the project says of it: where that changes it must be brought up again."""

    target: Target
    settings: str = ""


@dataclass(frozen=True)
class Projector:
    """Brings targets up. `state` is where what is known of them is noted; `read_cut` returns what is published now."""

    state: Path
    read_cut: Callable[[], PublishedCut]
    lock_timeout_seconds: float

    def bring_up(self, targets: Sequence[DeclaredTarget], *, anew: bool = False) -> tuple[Serving, ...]:
        """Brings every target to what is published; one that fails is reported and keeps nobody waiting.

        Args:
            anew: Make it from the lake, with nothing reused of what is there.
        """
        return tuple(self._bring(declared, anew=anew) for declared in targets)

    def _bring(self, declared: DeclaredTarget, *, anew: bool) -> Serving:
        target = declared.target
        try:
            with target_lock(self.state, target.name, self.lock_timeout_seconds):
                served = self._brought(declared, anew=anew)
                # A note that cannot be written leaves the old one, by which the target is brought up again.
                with suppress(OSError):
                    remember(self.state, served)
        except TargetFailed as error:
            # Somebody else is bringing it up; what becomes of it is theirs to note.
            return self._before(target).model_copy(update={"error": str(error)})
        return served

    def _brought(self, declared: DeclaredTarget, *, anew: bool) -> Serving:
        target = declared.target
        try:
            # Read under the lock: one that was read before could be older than what serves already.
            cut = self.read_cut()
            bring = target.rebuild if anew else target.bring
            served = bring(cut.heads.get(target.asset), cut)
        except OrchestratorError as error:
            return self._before(target).model_copy(update={"error": str(error)})
        except Exception as error:  # noqa: BLE001  # what follows a publication never makes it look undone
            problem = f"{type(error).__name__}: {error}"
            failed = TargetFailed(target=target.name, problem=problem, fix="This should not happen.")
            return self._before(target).model_copy(update={"error": str(failed)})
        return served.model_copy(update={"settings": declared.settings, "error": ""})

    def _before(self, target: Target) -> Serving:
        return remembered(self.state, target.name) or Serving(target=target.name, asset=target.asset)


@contextmanager
def target_lock(state: Path, name: str, timeout_seconds: float) -> Iterator[None]:
    """Holds a target's lock for the body, so that one process at a time changes what it serves.

    Raises:
        TargetFailed: Another process held it all the time.
    """
    state.mkdir(parents=True, exist_ok=True)
    lock = FileLock(state / f"{_file_name(name)}.lock", timeout=timeout_seconds)
    try:
        lock.acquire(poll_interval=0.01)
    except Timeout as error:
        problem = f"another process has been bringing it up for {timeout_seconds:g} s"
        raise TargetFailed(target=name, problem=problem, fix="That process notes what becomes of it.") from error
    try:
        yield
    finally:
        lock.release()


def is_behind(served: Serving | None, head: Head | None, settings: str = "") -> bool:
    """Says whether a target still has to be brought to the head."""
    wanted = None if head is None or head.withdrawn else head.version
    if served is None:
        return wanted is not None
    return bool(served.error) or served.version != wanted or (wanted is not None and served.settings != settings)


def remembered(state: Path, name: str) -> Serving | None:
    """Returns what was last known of a target; a lost or damaged note means nothing is."""
    try:
        return Serving.model_validate_json(_note(state, name).read_bytes())
    except (OSError, ValueError):
        return None


def all_remembered(state: Path) -> tuple[Serving, ...]:
    """Returns what was last known of every target that ever was, by name."""
    names = sorted(path.name.removesuffix(NOTE) for path in state.glob(f"*{NOTE}"))
    found = (remembered(state, name) for name in names)
    return tuple(served for served in found if served is not None)


def remember(state: Path, served: Serving) -> None:
    """Notes what a target serves, in one rename."""
    state.mkdir(parents=True, exist_ok=True)
    note = _note(state, served.target)
    partial = note.with_suffix(".partial")
    partial.write_text(json.dumps(served.model_dump(mode="json")), encoding="utf-8")
    partial.replace(note)


def _note(state: Path, target: str) -> Path:
    return state / f"{_file_name(target)}{NOTE}"


def _file_name(target: str) -> str:
    return target.replace(":", ".")
