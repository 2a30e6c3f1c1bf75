"""Finds what turns a table's served content back into an earlier one, and writes it down outside the writer's lock.

It reads snapshots only: the change feed by row where the table's identity and columns stayed the same, else
the whole earlier version. Whatever way is taken, what comes out is measured against the earlier version.
"""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ..errors import CommitMismatch
from ..records.candidates import Form, SchemaColumn
from ..records.keys import AssetKey, Snapshot
from ..records.receipts import Receipt
from ..sql import identifier, literal
from .content import Content, hash_algorithm, hash_file, measure_content
from .layout import LakeLayout
from .readers import attach_statement

# Past this share of changed rows one fresh file is quicker to read than a delta.
_WHOLE_ABOVE = 0.5
_COPY_OPTIONS = "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"


@dataclass(frozen=True)
class EarlierContent:
    """How the served rows become the earlier ones: which go, by row id, and which files come, with their hashes."""

    form: Form
    n_inserted: int
    n_deleted: int
    rowids: Path | None = None
    files: tuple[Path, ...] = ()
    sha256s: tuple[str, ...] = ()


@dataclass(frozen=True)
class Between:
    """The version that serves, the one to return to, and two snapshots that show them.

    `n_changed` is how many rows the versions in between inserted and deleted.
    """

    head: Receipt
    earlier: Receipt
    now: Snapshot
    then: Snapshot
    n_changed: int

    @property
    def asset(self) -> AssetKey:
        return self.head.asset

    @property
    def catalog(self) -> str:
        """The name under which the earlier snapshot is attached."""
        return f"at_{self.then}"

    @property
    def columns(self) -> Sequence[SchemaColumn]:
        return self.earlier.columns


def write_earlier_content(
    connection: duckdb.DuckDBPyConnection, layout: LakeLayout, between: Between, scratch: Path, name: str
) -> EarlierContent:
    """Writes the rows that come into the lake's folder, under a new name, and the ids of those that go below `scratch`.

    `connection` has the lake attached at `between.now`.

    Raises:
        CommitMismatch: The earlier version cannot be read as its receipt says.
    """
    folder = layout.data / between.asset.schema / between.asset.name
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}-rows.parquet"
    connection.execute(attach_statement(layout, between.then, alias=between.catalog))
    most = max(between.head.n_rows, between.earlier.n_rows)
    if between.n_changed <= _WHOLE_ABOVE * most and _has_row_ids(between) and _is_one_table(layout, between):
        found = _write_change(connection, between, target, scratch / f"{name}-rowids.parquet")
        if found is not None:
            return found
    return _write_whole(connection, between, target)


def withdrawn_version(head: Receipt) -> str:
    """Returns the data version of a table with the head's columns and no rows."""
    served = Content.parse(head.data_version)
    return str(served.minus(served))


def _has_row_ids(between: Between) -> bool:
    """Whether `rowid` names a row's id: a column of that name hides it."""
    return all(
        column.name.lower() != "rowid" for receipt in (between.head, between.earlier) for column in receipt.columns
    )


def _is_one_table(layout: LakeLayout, between: Between) -> bool:
    """Whether the table and each of its columns have stood unchanged since, and the next snapshot is still there:
    then row ids and feeds hold.
    """
    with closing(sqlite3.connect(f"{layout.readers.absolute().as_uri()}?mode=ro", uri=True)) as catalog:
        served = "{0}.begin_snapshot <= ? AND ({0}.end_snapshot IS NULL OR {0}.end_snapshot > ?)"
        rows = catalog.execute(
            "SELECT t.table_id, t.begin_snapshot FROM ducklake_table t JOIN ducklake_schema s USING (schema_id)"
            f" WHERE s.schema_name = ? AND t.table_name = ? AND {served.format('t')} AND {served.format('s')}",
            [between.asset.schema, between.asset.name, *[between.now] * 4],
        ).fetchall()
        (n_next,) = catalog.execute(
            "SELECT count(*) FROM ducklake_snapshot WHERE snapshot_id = ?", [between.then + 1]
        ).fetchone()
        if len(rows) != 1 or rows[0][1] > between.then or not n_next:
            return False
        (changed,) = catalog.execute(
            "SELECT count(*) FROM ducklake_column WHERE table_id = ? AND (begin_snapshot > ? OR end_snapshot > ?)",
            [rows[0][0], between.then, between.then],
        ).fetchone()
        return not changed


def _write_change(
    connection: duckdb.DuckDBPyConnection, between: Between, target: Path, rowids: Path
) -> EarlierContent | None:
    """Writes only what differs; `None` where that does not add up to the earlier version."""
    span = f"{literal(between.asset.schema)}, {literal(between.asset.name)}, {between.then + 1}, {between.now}"
    came, went = f"ducklake_table_insertions('lake', {span})", f"ducklake_table_deletions('lake', {span})"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE _came AS SELECT rowid AS id FROM {came}")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE _went AS SELECT rowid AS id FROM {went}")
    # What came and went in between is in neither version.
    copied = f"COPY (SELECT id FROM _came ANTI JOIN _went USING (id)) TO {literal(str(rowids))} {_COPY_OPTIONS}"
    n_deleted = _copied(connection, copied)
    names = _names(between.columns, "w")
    n_inserted = _copied(
        connection,
        f"COPY (SELECT {names} FROM {went} AS w ANTI JOIN _came AS c ON w.rowid = c.id)"
        f" TO {literal(str(target))} {_COPY_OPTIONS}",
    )
    gone = f"(SELECT {_names(between.columns, 'c')} FROM {came} AS c ANTI JOIN _went AS w ON c.rowid = w.id)"
    removed = measure_content(connection, gone, between.columns)
    added = measure_content(connection, _parquet(target), between.columns)
    served = _content(connection, between.head, "lake")
    if served.minus(removed).plus(added) != _content(connection, between.earlier, between.catalog):
        target.unlink()
        return None
    files = _kept(target, n_inserted)
    hashes = tuple(map(hash_file, files))
    return EarlierContent(Form.DELTA, n_inserted, n_deleted, rowids if n_deleted else None, files, hashes)


def _write_whole(connection: duckdb.DuckDBPyConnection, between: Between, target: Path) -> EarlierContent:
    n_rows = _copied(
        connection,
        f"COPY (SELECT {_names(between.columns, 'e')} FROM {between.catalog}.{between.asset.quoted} AS e)"
        f" TO {literal(str(target))} {_COPY_OPTIONS}",
    )
    written = measure_content(connection, _parquet(target), between.columns)
    expected = Content.parse(between.earlier.data_version)
    if not written.agrees_with(expected):
        target.unlink()
        raise CommitMismatch(
            asset=between.asset, what=f"version {between.earlier.version}", expected=expected, found=written
        )
    files = _kept(target, n_rows)
    return EarlierContent(Form.WHOLE, n_rows, between.head.n_rows, None, files, tuple(map(hash_file, files)))


def _content(connection: duckdb.DuckDBPyConnection, receipt: Receipt, catalog: str) -> Content:
    content = Content.parse(receipt.data_version)
    if content.algorithm == hash_algorithm():
        return content
    return measure_content(connection, f"{catalog}.{receipt.asset.quoted}", receipt.columns)


def _kept(path: Path, n_rows: int) -> tuple[Path, ...]:
    if not n_rows:
        path.unlink()
        return ()
    with path.open("rb") as file:
        os.fsync(file.fileno())
    path.chmod(0o444)
    return (path,)


def _copied(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    return int(row[0]) if row else 0


def _names(columns: Sequence[SchemaColumn], alias: str) -> str:
    return ", ".join(f"{alias}.{identifier(column.name)}" for column in columns)


def _parquet(path: Path) -> str:
    return f"read_parquet({literal(str(path))})"
