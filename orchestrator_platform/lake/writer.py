"""The lake's only write path. It takes candidates with approving verdicts, versions that it once took in such a way,
or a record of what was rejected.

The rules under which DuckLake is right are kept here and in `readers`: one writer under one lock, no
inlined data, ALTER before DELETE before added files, counted deletes, new file names, a re-read after
each commit before any reader can see it.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

import duckdb

from ..errors import BaseMoved, CommitMismatch, ForeignSnapshot
from ..records.candidates import FileRole, Form, Manifest
from ..records.keys import AssetKey, CandidateId, Snapshot, Version
from ..records.ledger import QuarantineEntry
from ..records.receipts import Head, Receipt, head_of
from ..records.retractions import Release, Retraction
from ..sql import identifier, literal
from ..storage import writing
from .catalog import bring_home, delete_scheduled, guarding_catalog
from .commit import Approved, Commit, require_verdict
from .compacting import apply_compacted, require_served
from .history import (
    read_compacted_after,
    read_heads,
    read_quarantine_entry,
    read_receipts_after,
    read_releases,
    read_retractions,
    read_versions_of,
)
from .layout import LakeLayout
from .lock import writer_lock
from .maintenance import (
    expire_snapshots,
    follow_merges,
    merge_if_many,
    merge_platform_tables,
    require_unharmed,
)
from .migrations import bring_up
from .platform_tables import (
    CATALOG,
    SCHEMA,
    create_platform_tables,
    insert_heads,
    insert_ledger,
    insert_outbox,
    insert_quarantine,
    insert_receipts,
    insert_release,
    insert_replays,
    platform_tables,
    replace_addresses,
    replace_quarantine,
    replace_retractions,
)
from .readers import latest_snapshot, replace_readers_copy
from .rereading import reread, reread_unseen
from .restoring import add_file, apply_restored, require_restorable
from .schema_change import Change, change_table
from .session import connect, suit_threads


class LakeWriter:
    """A connection that may write; it exists only while the lock is held."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, layout: LakeLayout) -> None:
        self.connection, self.layout = connection, layout

    def next_snapshot(self) -> Snapshot:
        """Returns the number that the next commit gets; nobody else commits while the lock is held."""
        return Snapshot(_last_snapshot(self.connection) + 1)

    def last_snapshot(self) -> Snapshot:
        return _last_snapshot(self.connection)

    def heads(self) -> dict[AssetKey, Head]:
        return read_heads(self.connection)

    def receipts_after(self, snapshot: Snapshot) -> tuple[Receipt, ...]:
        return read_receipts_after(self.connection, snapshot)

    def compacted_after(self, snapshot: Snapshot) -> frozenset[AssetKey]:
        """Returns the assets of which later snapshots than this one wrote every row anew."""
        return read_compacted_after(self.connection, snapshot)

    def retractions(self) -> tuple[Retraction, ...]:
        return read_retractions(self.connection)

    def retracted(self) -> frozenset[tuple[AssetKey, Version]]:
        """Returns every version that may not serve, nor be built from."""
        return frozenset((item.asset, item.version) for item in self.retractions())

    def releases(self) -> tuple[Release, ...]:
        return read_releases(self.connection)

    def next_quarantine_id(self) -> int:
        row = self.connection.execute(f"SELECT coalesce(max(id), 0) + 1 FROM lake.{SCHEMA}.quarantine").fetchone()
        assert row is not None
        return int(row[0])

    def quarantine_entry(self, number: int) -> QuarantineEntry | None:
        """Returns an entry of the quarantine, `None` where there is none of that number."""
        return read_quarantine_entry(self.connection, number)

    def versions_of(self, candidates: Collection[CandidateId]) -> dict[CandidateId, Version]:
        """Returns the version as which each of the candidates was published; those that never were are left out."""
        return read_versions_of(self.connection, candidates)

    def known_files(self) -> set[tuple[str, str]]:
        """Returns source and sha256 of every file that the ledger accounts for."""
        rows = self.connection.execute(f"SELECT DISTINCT source, file_sha256 FROM lake.{SCHEMA}.ledger").fetchall()
        return {(row[0], row[1]) for row in rows}

    def commit(self, commit: Commit) -> Snapshot:
        """Makes the commit true in one transaction, re-reads it, merges the platform's tables where they lie in many
        files, then shows it to readers.

        Raises:
            SealBroken: A candidate has no approving verdict of its own, or what is restored was never judged.
            BaseMoved: A base is not the head any more.
            CommitMismatch: The lake holds something else than what was committed.
            StorageFailed: The catalog, or the readers' copy of it, could not be written.
        """
        heads = self.heads()
        for approved in commit.approved:
            require_verdict(approved)
            _require_base(approved.manifest, heads)
        require_restorable(self.connection, commit.restored, heads)
        for compacted in commit.compacted:
            require_served(compacted, heads)
        snapshot = self.next_snapshot()
        suit_threads(self.connection, max((receipt.n_rows for receipt in commit.receipts), default=0))
        with writing(self.layout.catalog):
            self._transact(commit, snapshot)
        self._reread(commit, snapshot)
        merge_if_many(self.connection)
        replace_readers_copy(self.layout)
        return snapshot

    def _transact(self, commit: Commit, snapshot: Snapshot) -> None:
        first = commit.events[0]
        self.connection.execute("BEGIN")
        try:
            for approved in commit.approved:
                self._apply(approved)
            for restored in commit.restored:
                apply_restored(self.connection, restored)
            for compacted in commit.compacted:
                apply_compacted(self.connection, compacted)
            self._record(commit, snapshot)
            self.connection.execute(
                "CALL lake.set_commit_message(?, ?, extra_info => ?)",
                [first.agent, f"{first.act} {first.subject}", first.canonical_json()],
            )
            self.connection.execute("COMMIT")
        except BaseException:
            _rollback(self.connection)
            raise

    def merge_platform_tables(self) -> None:
        """Writes the platform's many small files as few. Versions and the change feeds of data stay as they are."""
        merge_platform_tables(self.connection)
        replace_readers_copy(self.layout)

    def expire(self, snapshots: Sequence[Snapshot]) -> None:
        """Makes snapshots unreadable, for readers too. Their files stay until they are deleted."""
        expire_snapshots(self.connection, snapshots)
        replace_readers_copy(self.layout)

    def delete_scheduled(self, older_than: datetime) -> int:
        """Deletes files that no snapshot has shown since then; returns how many."""
        n_deleted = delete_scheduled(self.layout.catalog, older_than)
        replace_readers_copy(self.layout)
        return n_deleted

    def renew_readers_copy(self) -> None:
        """Makes the readers' copy anew: it was damaged, or is of another place."""
        replace_readers_copy(self.layout)

    def _record(self, commit: Commit, snapshot: Snapshot) -> None:
        insert_heads(self.connection, [head_of(receipt) for receipt in commit.receipts])
        insert_receipts(self.connection, commit.receipts)
        insert_ledger(self.connection, commit.ledger)
        for quarantined in commit.quarantined:
            insert_quarantine(self.connection, quarantined.entry, quarantined.rows)
        for entry in commit.settled:
            replace_quarantine(self.connection, entry)
        for replayed in commit.replayed:
            insert_replays(self.connection, replayed.replays)
            replace_addresses(self.connection, replayed.entry, replayed.files, replayed.left)
        if commit.retractions is not None:
            replace_retractions(self.connection, commit.retractions)
        for release in commit.releases:
            insert_release(self.connection, release)
        insert_outbox(self.connection, snapshot, commit.events)

    def _apply(self, approved: Approved) -> None:
        manifest = approved.manifest
        table = f"lake.{manifest.asset.quoted}"
        change = change_table(self.connection, manifest.asset, manifest.columns)
        if change is not Change.NEW_TABLE:
            self._delete(manifest, table, approved.files(FileRole.DELETE))
        for path in approved.files(FileRole.INSERT):
            add_file(self.connection, manifest.asset, path)

    def _delete(self, manifest: Manifest, table: str, keys: Sequence[Path]) -> None:
        match manifest.form:
            case Form.APPEND:
                return
            case Form.WHOLE:
                where = ""
            case Form.DELTA | Form.SLICES:
                if not keys:
                    return
                listed = ", ".join(literal(str(path)) for path in keys)
                matched = " AND ".join(f"t.{identifier(k)} = g.{identifier(k)}" for k in manifest.key)
                where = f" AS t WHERE EXISTS (FROM read_parquet([{listed}]) AS g WHERE {matched})"
        row = self.connection.execute(f"DELETE FROM {table}{where}").fetchone()
        deleted = int(row[0]) if row else 0
        if deleted != manifest.n_deleted:
            raise CommitMismatch(
                asset=manifest.asset, what="the number of rows deleted", expected=manifest.n_deleted, found=deleted
            )

    def _reread(self, commit: Commit, snapshot: Snapshot) -> None:
        found = _last_snapshot(self.connection)
        if found != snapshot:
            raise CommitMismatch(asset=commit.events[0].subject, what="the snapshot", expected=snapshot, found=found)
        for receipt in commit.receipts:
            reread(self.connection, receipt)
        for compacted in commit.compacted:
            require_unharmed(self.connection, "lake", compacted.receipt)


@contextmanager
def open_writer(layout: LakeLayout, timeout_seconds: float) -> Iterator[LakeWriter]:
    """Holds the writer's lock for the body, with what a crash may have left undone finished first.

    Raises:
        LockTimeout: Another writer held the lock for too long.
        ForeignSnapshot: The lake holds a snapshot that no receipt explains.
        CommitMismatch: What a killed writer committed is not what it says.
        HomeMoved: The lake was moved, and not all of it came along.
        CatalogDamaged: The catalog is missing, or SQLite cannot read it.
    """
    layout.data.mkdir(parents=True, exist_ok=True)
    # Loading the extensions may cost more than a publication, so nobody has to wait for it. The inner closing
    # lets go of the catalog before the lock is free; the outer one is for a lock that was never had.
    with (
        closing(connect()) as connection,
        writer_lock(layout.lock, timeout_seconds),
        guarding_catalog(layout),
        closing(connection),
        _detaching(connection),
    ):
        if bring_home(layout):
            replace_readers_copy(layout)
        suit_threads(connection, 0)
        with writing(layout.catalog):
            _attach(connection, layout)
            _initialise(connection, layout)
        explained, found = _explained_snapshot(connection), _last_snapshot(connection)
        if found != explained:
            explained = follow_merges(connection, explained)
        if found != explained:
            raise ForeignSnapshot(snapshot=found, explained=explained)
        found = bring_up(connection, layout, found)
        # A writer that was killed right after its commit leaves readers one publication behind.
        seen = latest_snapshot(layout.readers)
        if seen != found:
            reread_unseen(connection, seen)
            replace_readers_copy(layout)
        yield LakeWriter(connection, layout)


def _require_base(manifest: Manifest, heads: dict[AssetKey, Head]) -> None:
    head = heads.get(manifest.asset)
    found = head.version if head else None
    if found != manifest.base_version:
        raise BaseMoved(asset=manifest.asset, base=manifest.base_version, head=found)


def _attach(connection: duckdb.DuckDBPyConnection, layout: LakeLayout) -> None:
    # Statistics that DuckLake gets wrong must not decide which rows a DELETE sees.
    connection.execute("SET disabled_optimizers = 'statistics_propagation'")
    connection.execute(
        f"ATTACH {literal(f'ducklake:sqlite:{layout.catalog}')} AS lake (DATA_PATH {literal(str(layout.data))},"
        " META_JOURNAL_MODE 'WAL', META_BUSY_TIMEOUT 10000, DATA_INLINING_ROW_LIMIT 0)"
    )


@contextmanager
def _detaching(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """A commit that the disk refused is kept by the lake, and keeps the catalog open after its connection is closed.

    Whoever opened the catalog next in the same process could not write it, until the process ended.
    """
    try:
        yield
    finally:
        _rollback(connection)
        with suppress(duckdb.Error):
            connection.execute("DETACH lake")


def _initialise(connection: duckdb.DuckDBPyConnection, layout: LakeLayout) -> None:
    if platform_tables(connection):
        return
    connection.execute("BEGIN")
    create_platform_tables(connection)
    connection.execute("CALL lake.set_commit_message('platform', 'create the lake')")
    connection.execute("COMMIT")
    replace_readers_copy(layout)


def _explained_snapshot(connection: duckdb.DuckDBPyConnection) -> Snapshot:
    """The newest snapshot that an entry of the outbox explains; the lake's creation explains itself."""
    row = connection.execute(f"SELECT max(snapshot) FROM lake.{SCHEMA}.outbox").fetchone()
    return Snapshot(row[0]) if row and row[0] is not None else _CREATION


_CREATION = Snapshot(1)


def _last_snapshot(connection: duckdb.DuckDBPyConnection) -> Snapshot:
    row = connection.execute(f"SELECT max(snapshot_id) FROM {CATALOG}.ducklake_snapshot").fetchone()
    assert row is not None
    return Snapshot(row[0])


def _rollback(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.execute("ROLLBACK")
    except duckdb.Error:
        # COMMIT itself failed: DuckDB has already ended the transaction.
        return
