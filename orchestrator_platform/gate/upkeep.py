"""Frees what the retention policy no longer keeps, in the only order in which nobody loses anything.

Heads, releases, what a retraction or a waiting candidate stands on, and whatever a living process works with stay.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ..lake.catalog import CatalogFile, is_at_home, open_catalog, read_files, read_scheduled, read_snapshot_times
from ..lake.commit import Commit
from ..lake.history import (
    kept_snapshots,
    read_escalated,
    read_heads,
    read_quarantine,
    read_receipts_after,
    read_retractions,
)
from ..lake.layout import LakeLayout
from ..lake.lock import writer_lock
from ..lake.maintenance import REHASHED_ROWS, require_unharmed
from ..lake.platform_tables import SCHEMA
from ..lake.readers import attach_statement, connect_reader
from ..lake.retention import Node, Policy, any_between, expirable, keep_versions, unreadable
from ..lake.writer import open_writer
from ..records.events import Event
from ..records.keys import AgentName, AssetKey, Snapshot
from ..records.ledger import QuarantineEntry, QuarantineState
from ..records.receipts import Receipt
from ..records.upkeep import Collected, FreedFolder, FreedVersion, GcPlan
from ..settings import Home, Retention
from .compact import MANY_FILES, compact
from .leftovers import abandoned_candidates, bases_of, freed_candidates, waiting_candidates
from .scratch import Owned, folder_bytes, look_at, remove_abandoned, started_at

_MANY_PLATFORM_FILES = 20
# However short readers are said to be: nothing takes longer from putting a file in place to committing it.
_PLACING = timedelta(hours=1)


@dataclass(frozen=True)
class Seen:
    """What one look at the lake found, and what follows from the policy."""

    plan: GcPlan
    receipts: tuple[Receipt, ...]
    entries: tuple[QuarantineEntry, ...]
    kept: frozenset[Node]
    orphans: tuple[Path, ...]


@dataclass(frozen=True)
class GarbageCollection:
    """One run: where, by which policy, by whom, when."""

    home: Home
    retention: Retention
    agent: AgentName
    now: datetime
    run_id: str
    lock_timeout_seconds: float

    @property
    def layout(self) -> LakeLayout:
        return LakeLayout(self.home.lake)

    @property
    def readers_since(self) -> datetime:
        """Whoever began to read before this is done; with no hours at all nobody is said to be reading."""
        if self.retention.reader_hours == 0:
            return datetime.max.replace(tzinfo=UTC)
        return self.now - timedelta(hours=self.retention.reader_hours)

    def look(self) -> Seen:
        """Returns what would be freed. Reads the readers' copy, and waits for nobody."""
        owned = look_at(self.home.workbenches)
        with closing(connect_reader(self.layout)) as connection:
            heads, receipts = read_heads(connection), read_receipts_after(connection, Snapshot(0))
            retractions, entries = read_retractions(connection), read_quarantine(connection)
            released = kept_snapshots(connection)
            waiting = [entry.candidate for entry in waiting_candidates(entries) if entry.candidate]
            escalated = read_escalated(connection, waiting)
        with open_catalog(self.layout.readers) as catalog:
            times, files, scheduled = read_snapshot_times(catalog), read_files(catalog), read_scheduled(catalog)
        policy = self._policy()
        kept = keep_versions(receipts, heads, retractions, bases_of(self.home.candidates, entries), policy)
        expired = expirable(times, receipts, kept, released, policy)
        freed = _only_shown_by(files, times, expired)
        due = [item.path for item in scheduled if item.since <= self.readers_since]
        orphans = self._orphans({file.path for file in files} | {item.path for item in scheduled}, owned.living)
        plan = GcPlan(
            expired=expired,
            versions=_freed_versions(receipts, times, expired),
            n_versions_kept=len(kept),
            n_files=len(freed),
            size_bytes=sum(file.size_bytes for file in freed),
            n_due=len(due),
            due_bytes=_size(due),
            n_orphans=len(orphans),
            orphan_bytes=_size(orphans),
            candidates=freed_candidates(self.home.candidates, entries, escalated, self.retention, self.now),
            folders=self._folders(entries, owned),
            compacted=_of_many_files(files, max(times, default=Snapshot(0)), heads),
            merges=_has_many_platform_files(files, max(times, default=Snapshot(0))),
        )
        return Seen(plan, receipts, entries, kept, orphans)

    def collect(self) -> Collected:
        """Frees it.

        Raises:
            LockTimeout: Another writer held the lock for too long.
            VersionDamaged: A version that is kept does not hold what its receipt says; no file was removed.
        """
        with writer_lock(self.layout.upkeep_lock, self.lock_timeout_seconds):
            return self._collect()

    def tidy(self) -> int:
        """Removes what killed runs left behind, and nothing else; returns how many bytes that were.

        Raises:
            LockTimeout: Another writer held the lock for too long.
        """
        with writer_lock(self.layout.upkeep_lock, self.lock_timeout_seconds):
            with open_writer(self.layout, self.lock_timeout_seconds):
                seen = self.look()
                freed = _size(seen.orphans)
                for orphan in seen.orphans:
                    orphan.unlink(missing_ok=True)
            return freed + self._remove_folders(seen.plan.model_copy(update={"candidates": ()}))

    def renew_readers_copy(self) -> None:
        """Makes the readers' copy of the catalog anew."""
        with open_writer(self.layout, self.lock_timeout_seconds) as writer:
            writer.renew_readers_copy()

    def _collect(self) -> Collected:
        first = self.look()
        self._compact(first)
        with open_writer(self.layout, self.lock_timeout_seconds) as writer:
            # Looked at again: nobody publishes now.
            seen = self.look()
            settled = self._settled(seen)
            if seen.plan.expired or settled:
                writer.commit(Commit(events=(self._event(seen.plan),), settled=settled))
            if seen.plan.merges:
                writer.merge_platform_tables()
            writer.expire(seen.plan.expired)
            self._rehash(seen)
            waiting = self._scheduled()
            writer.delete_scheduled(self.readers_since)
            later = _size(waiting)
            freed = sum(waiting.values()) - later + _size(seen.orphans)
            for orphan in seen.orphans:
                orphan.unlink(missing_ok=True)
            rehashed = self._rehash(seen)
        freed += self._remove_folders(seen.plan)
        plan = seen.plan.model_copy(update={"compacted": first.plan.compacted})
        return Collected(plan=plan, freed_bytes=freed, later_bytes=later, rehashed=rehashed)

    def _policy(self) -> Policy:
        kept = self.retention
        return Policy(self.now, timedelta(days=kept.days), kept.versions, timedelta(hours=kept.reader_hours))

    def _orphans(self, known: set[Path], living: Sequence[Path]) -> tuple[Path, ...]:
        """Files that no snapshot shows and no living process can have put there to publish them."""
        if not is_at_home(self.layout.readers, self.layout.data):
            # Moved, and not yet brought here: the catalog names every file at its old place.
            return ()
        begun = [started_at(folder) or datetime.min.replace(tzinfo=UTC) for folder in living]
        before = min([self.readers_since, self.now - _PLACING, *begun])
        found = []
        for path in sorted(self.layout.data.rglob("*")) if self.layout.data.is_dir() else ():
            with suppress(FileNotFoundError):
                if path not in known and path.is_file() and path.stat().st_mtime < before.timestamp():
                    found.append(path)
        return tuple(found)

    def _folders(self, entries: Sequence[QuarantineEntry], owned: Owned) -> tuple[FreedFolder, ...]:
        folders = (*owned.abandoned, *abandoned_candidates(self.home.candidates, entries, owned))
        return tuple(
            FreedFolder(name=f"{folder.parent.name}/{folder.name}", size_bytes=folder_bytes(folder))
            for folder in folders
        )

    def _compact(self, seen: Seen) -> None:
        for asset in seen.plan.compacted:
            compact(
                self.layout,
                asset,
                self.agent,
                now=self.now,
                run_id=self.run_id,
                lock_timeout_seconds=self.lock_timeout_seconds,
            )

    def _settled(self, seen: Seen) -> tuple[QuarantineEntry, ...]:
        freed = {candidate.entry for candidate in seen.plan.candidates}
        closed = {"state": QuarantineState.DISCARDED}
        return tuple(entry.model_copy(update=closed) for entry in seen.entries if entry.id in freed)

    def _event(self, plan: GcPlan) -> Event:
        return Event(
            id=f"{self.run_id}-gc-lake",
            at=self.now,
            agent=self.agent,
            act="gc",
            subject="lake",
            outcome="freed",
            reason="the retention policy",
            details=_told(plan),
        )

    def _scheduled(self) -> dict[Path, int]:
        with open_catalog(self.layout.readers) as catalog:
            return {item.path: _size([item.path]) for item in read_scheduled(catalog)}

    def _rehash(self, seen: Seen) -> tuple[FreedVersion, ...]:
        """Reads some versions that are kept again: the oldest, the newest, and one between."""
        with open_catalog(self.layout.readers) as catalog:
            left = set(read_snapshot_times(catalog))
        kept = sorted(
            (
                receipt
                for receipt in seen.receipts
                if (receipt.asset, receipt.version) in seen.kept
                and receipt.snapshot in left
                and receipt.n_rows <= REHASHED_ROWS
            ),
            key=lambda receipt: receipt.snapshot,
        )
        places = {0, len(kept) // 2, len(kept) - 1} if kept else set()
        sample = [kept[place] for place in sorted(places)]
        with closing(connect_reader(self.layout)) as connection:
            for receipt in sample:
                alias = f"at_{receipt.snapshot}"
                connection.execute(attach_statement(self.layout, receipt.snapshot, alias))
                require_unharmed(connection, alias, receipt)
        return tuple(FreedVersion(asset=receipt.asset, version=receipt.version) for receipt in sample)

    def _remove_folders(self, plan: GcPlan) -> int:
        freed = 0
        for candidate in plan.candidates:
            freed += candidate.size_bytes if remove_abandoned(self.home.candidates / candidate.candidate) else 0
        for folder in plan.folders:
            freed += folder.size_bytes if remove_abandoned(self.home.root / folder.name) else 0
        return freed


def _told(plan: GcPlan) -> dict[str, object]:
    return {
        "n_snapshots": len(plan.expired),
        "n_versions": len(plan.versions),
        "size_bytes": plan.size_bytes,
        "candidates": [candidate.candidate for candidate in plan.candidates],
    }


def _only_shown_by(
    files: Iterable[CatalogFile], times: Mapping[Snapshot, object], expired: Iterable[Snapshot]
) -> list[CatalogFile]:
    left = sorted(set(times) - set(expired))
    return [file for file in files if file.ends is not None and not any_between(left, file.begins, file.ends)]


def _freed_versions(
    receipts: Sequence[Receipt], times: Mapping[Snapshot, object], expired: Sequence[Snapshot]
) -> tuple[FreedVersion, ...]:
    nodes = unreadable(receipts, tuple(times), expired)
    return tuple(FreedVersion(asset=asset, version=version) for asset, version in sorted(nodes))


def _of_many_files(
    files: Iterable[CatalogFile], newest: Snapshot, heads: Mapping[AssetKey, object]
) -> tuple[AssetKey, ...]:
    n_files: dict[str, int] = {}
    for file in files:
        if file.is_shown_by(newest):
            n_files[file.table] = n_files.get(file.table, 0) + 1
    return tuple(sorted(asset for asset in heads if n_files.get(asset, 0) >= MANY_FILES))


def _has_many_platform_files(files: Iterable[CatalogFile], newest: Snapshot) -> bool:
    n_files: dict[str, int] = {}
    for file in files:
        if file.table.startswith(f"{SCHEMA}.") and not file.is_deletes and file.is_shown_by(newest):
            n_files[file.table] = n_files.get(file.table, 0) + 1
    return max(n_files.values(), default=0) >= _MANY_PLATFORM_FILES


def _size(paths: Iterable[Path]) -> int:
    total = 0
    for path in paths:
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total
