"""Finds what is wrong with a home and mends what is safe to mend: the use case behind `orchestrator doctor`.

It reads on where others stop: a damaged marker, catalog or file is an ailment to tell of.
"""

import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from ..authority.acts import Act
from ..errors import OrchestratorError
from ..gate.context import new_id, utc_now
from ..gate.upkeep import GarbageCollection
from ..home_format import write_home_format
from ..lake.catalog import find_damage, is_at_home, is_lost
from ..lake.examining import RESTORE, LakeSeen, examine_files, examine_heads, look_at_lake
from ..lake.layout import LakeLayout
from ..lake.readers import latest_snapshot
from ..records.events import Event
from ..records.keys import AgentName
from ..records.upkeep import Ailment, Severity
from ..settings import Settings
from .caretaking import require_caretaker
from .home_checks import (
    FIX,
    check_archive,
    check_candidates,
    check_clock,
    check_disk,
    check_folders,
    check_marker,
    check_parts,
    check_projections,
)
from .projections import catch_up, note


@dataclass(frozen=True)
class Examined:
    """What was found, and how much was looked at."""

    ailments: tuple[Ailment, ...]
    n_versions: int
    n_files: int
    n_hashed: int

    @property
    def is_healthy(self) -> bool:
        """Whether nothing is left to do."""
        return all(ailment.fixed or ailment.severity is Severity.NOTE for ailment in self.ailments)


@dataclass(frozen=True)
class Doctor:
    """One look at one home. `quick` compares sizes and leaves the bytes of files unread."""

    settings: Settings
    quick: bool = False
    now: Callable[[], datetime] = utc_now

    @property
    def layout(self) -> LakeLayout:
        return LakeLayout(self.settings.home.lake)

    def examine(self) -> Examined:
        """Returns every ailment, those of most weight first. Changes nothing and waits for nobody."""
        home = self.settings.home
        found = [*_safely("parts", check_parts), *_safely("marker", lambda: check_marker(home))]
        if is_lost(self.layout):
            found.append(_ailment("catalog", self.layout.catalog, "is missing", RESTORE))
        if not self.layout.catalog.exists():
            return Examined(_by_weight(found), 0, 0, 0)
        found += self._catalogs()
        with tempfile.TemporaryDirectory(prefix="orchestrator-doctor-") as scratch:
            try:
                seen = look_at_lake(self.layout, Path(scratch))
            except (OrchestratorError, duckdb.Error, sqlite3.Error, ValueError, OSError) as error:
                found.append(_broken("lake", error))
                found += _safely("disk", lambda: check_disk(home, None))
                return Examined(_by_weight(found), 0, 0, 0)
        checks: Mapping[str, Callable[[], Iterable[Ailment]]] = {
            "foreign": lambda: seen.foreign,
            "receipts": lambda: examine_heads(seen),
            "files": lambda: examine_files(seen, quick=self.quick),
            "archive": lambda: check_archive(home, seen, quick=self.quick),
            "candidates": lambda: check_candidates(home, seen),
            "leftovers": self._leftovers,
            "projections": lambda: check_projections(home, seen, quick=self.quick),
            "disk": lambda: check_disk(home, seen),
            "clock": lambda: check_clock(seen, self.now()),
        }
        for name, check in checks.items():
            found += _safely(name, check)
        return Examined(_by_weight(found), len(seen.receipts), len(seen.files), 0 if self.quick else _n_hashed(seen))

    def mend(self, by: str = "") -> Examined:
        """Does what is safe, looks again, and returns what was found before with `fixed` where it is gone.

        Args:
            by: The person who does it; without one it is the agent that may.

        Raises:
            NotPermitted: No agent may; a person may.
        """
        agent = require_caretaker(self.settings.project, Act.REPAIR, by)
        before = self.examine()
        todo = list(dict.fromkeys(ailment.check for ailment in before.ailments if ailment.fix))
        failed = {check: problem for check in todo if (problem := self._mend_one(check, agent))}
        after = self.examine() if todo else before
        left = {(ailment.check, ailment.culprit) for ailment in after.ailments}
        told = [
            ailment.model_copy(
                update={
                    "fixed": bool(ailment.fix) and (ailment.check, ailment.culprit) not in left,
                    "problem": f"{ailment.problem}{failed.get(ailment.check, '')}",
                }
            )
            for ailment in before.ailments
        ]
        known = {(ailment.check, ailment.culprit) for ailment in before.ailments}
        told += [ailment for ailment in after.ailments if (ailment.check, ailment.culprit) not in known]
        self._note(agent, told)
        return Examined(_by_weight(told), after.n_versions, after.n_files, after.n_hashed)

    def _catalogs(self) -> Iterator[Ailment]:
        layout = self.layout
        damage = find_damage(layout.catalog)
        if damage is not None:
            yield _ailment("catalog", layout.catalog, f"is damaged: {damage}", RESTORE)
            return
        if not is_at_home(layout.catalog, layout.data):
            yield _ailment("moved", layout.catalog, "names another place: the home was moved", FIX, "brings it here")
        damage = find_damage(layout.readers) if layout.readers.exists() else "it is missing"
        if damage is not None:
            problem = f"the readers' copy is damaged: {damage}"
            yield _ailment("readers", layout.readers, problem, FIX, "makes it anew")
        elif latest_snapshot(layout.readers) != latest_snapshot(layout.catalog):
            problem = "readers do not see the newest publication yet"
            yield _ailment("readers", layout.readers, problem, FIX, "makes it anew", Severity.WARN)

    def _leftovers(self) -> Iterable[Ailment]:
        if not self.layout.readers.exists() or find_damage(self.layout.readers) is not None:
            # What the lake shows is read from there; this is looked at once it is mended.
            return ()
        plan = self._collection().look().plan
        return check_folders([folder.name for folder in plan.folders], plan.n_orphans)

    def _mend_one(self, check: str, agent: AgentName) -> str:
        """Returns why it could not be done, or nothing."""
        collection = self._collection(agent)
        mends: Mapping[str, Callable[[], object]] = {
            "marker": self._write_marker,
            "moved": collection.renew_readers_copy,
            "readers": collection.renew_readers_copy,
            "leftovers": collection.tidy,
            "projections": lambda: catch_up(self.settings, self.layout),
        }
        try:
            mends[check]()
        except (OrchestratorError, duckdb.Error, sqlite3.Error, OSError) as error:
            return f" (not mended: {error})"
        return ""

    def _write_marker(self) -> None:
        self.settings.home.marker.with_suffix(".json.partial").unlink(missing_ok=True)
        write_home_format(self.settings.home)

    def _collection(self, agent: AgentName | None = None) -> GarbageCollection:
        settings = self.settings
        by = agent or AgentName("doctor")
        return GarbageCollection(
            settings.home, settings.retention, by, self.now(), new_id(), settings.lock_timeout_seconds
        )

    def _note(self, agent: AgentName, ailments: Iterable[Ailment]) -> None:
        mended = [f"{ailment.check}: {ailment.culprit}" for ailment in ailments if ailment.fixed]
        if mended:
            event = Event(
                id=new_id(), at=self.now(), agent=agent, act="repair", subject="home", outcome="mended",
                details={"mended": mended},
            )  # fmt: skip
            note(self.settings, [event])


def _safely(name: str, check: Callable[[], Iterable[Ailment]]) -> list[Ailment]:
    try:
        return list(check())
    except (OrchestratorError, duckdb.Error, sqlite3.Error, ValueError, OSError) as error:
        return [_broken(name, error)]


def _broken(name: str, error: Exception) -> Ailment:
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return _ailment(name, "the check itself", f"could not be made: {first}", RESTORE)


def _ailment(
    check: str, culprit: object, problem: str, command: str, fix: str = "", severity: Severity = Severity.ERROR
) -> Ailment:
    return Ailment(check=check, severity=severity, culprit=str(culprit), problem=problem, command=command, fix=fix)


def _by_weight(ailments: Iterable[Ailment]) -> tuple[Ailment, ...]:
    return tuple(sorted(ailments, key=lambda ailment: list(Severity).index(ailment.severity)))


def _n_hashed(seen: LakeSeen) -> int:
    return sum(1 for file in seen.files if file.path.name in seen.sha256s)
