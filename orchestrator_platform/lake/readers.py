"""The readers' copy of the catalog: what everybody but the writer attaches.

It is replaced after each commit in one rename, so that a reader sees the state before or after a
publication and never blocks the writer.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb

from ..errors import Misuse
from ..records.keys import Snapshot
from ..sql import identifier, literal
from ..storage import writing
from .layout import LakeLayout
from .session import connect

# DuckLake's table-level column statistics are not versioned and can be wrong: filters on them lose rows.
# Without them readers fall back to the statistics of each file, which are right.
_CLEAR_STATISTICS = (
    "UPDATE ducklake_table_column_stats SET min_value = NULL, max_value = NULL, contains_null = 1, contains_nan = 1"
)


def replace_readers_copy(layout: LakeLayout) -> None:
    """Copies the writer's catalog for readers. The caller holds the writer's lock."""
    fresh = layout.readers.with_name(f"readers.{os.getpid()}.partial")
    try:
        with writing(layout.readers):
            _write_copy(layout, fresh)
            fresh.replace(layout.readers)
    finally:
        fresh.unlink(missing_ok=True)


def _write_copy(layout: LakeLayout, fresh: Path) -> None:
    fresh.unlink(missing_ok=True)
    source = sqlite3.connect(layout.catalog)
    try:
        source.execute("VACUUM INTO ?", (str(fresh),))
    finally:
        source.close()
    copy = sqlite3.connect(fresh)
    try:
        copy.execute("PRAGMA journal_mode = DELETE")
        copy.execute(_CLEAR_STATISTICS)
        copy.commit()
    finally:
        copy.close()
    with fresh.open("rb") as file:
        os.fsync(file.fileno())


def latest_snapshot(catalog: Path) -> Snapshot | None:
    """Returns the newest snapshot in a catalog file, `None` where there is none, or it cannot be read."""
    if not catalog.exists():
        return None
    # Without a write-ahead log nobody writes, and looking leaves no files of shared memory behind.
    alone = not catalog.with_name(f"{catalog.name}-wal").exists()
    for how in ("mode=ro&immutable=1", "mode=ro") if alone else ("mode=ro",):
        # A writer may have come in between the first look and the second.
        try:
            with closing(sqlite3.connect(f"{catalog.absolute().as_uri()}?{how}", uri=True)) as connection:
                row = connection.execute("SELECT max(snapshot_id) FROM ducklake_snapshot").fetchone()
        except sqlite3.DatabaseError:
            continue
        return Snapshot(row[0]) if row and row[0] is not None else None
    return None


def attach_statement(layout: LakeLayout, snapshot: Snapshot, alias: str = "lake") -> str:
    """Returns the statement that attaches the published lake, read-only, at one snapshot."""
    catalog = literal(f"ducklake:sqlite:{layout.readers}")
    return f"ATTACH IF NOT EXISTS {catalog} AS {identifier(alias)} (READ_ONLY, SNAPSHOT_VERSION {int(snapshot)})"


def connect_reader(layout: LakeLayout, snapshot: Snapshot | None = None) -> duckdb.DuckDBPyConnection:
    """Returns a connection with the lake attached as `lake` at `snapshot`, by default the newest.

    Raises:
        Misuse: Nothing has been published yet.
    """
    pinned = snapshot if snapshot is not None else latest_snapshot(layout.readers)
    if pinned is None:
        raise Misuse(
            f"Nothing has been published in {layout.root} yet. Land files and build:"
            " `orchestrator land`, `orchestrator build`."
        )
    connection = connect()
    connection.execute(attach_statement(layout, pinned))
    return connection
