"""The rows in which two snapshots of one table differ, read from the files that differ and from nothing else.

A file that both snapshots hold with the same deletions holds the same rows in both. What is left is what was
inserted and deleted in between, net of what came and went.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from ..records.keys import AssetKey, Snapshot
from ..sql import identifier, literal
from .state import Change, State, nothing_like

# A file of deletions that was written anew for later ones says of each since which snapshot it holds.
_SINCE = "_ducklake_internal_snapshot_id"

Files = Mapping[str, str | None]


@dataclass(frozen=True)
class Pinned:
    """A table at one snapshot, which is attached as `catalog`."""

    asset: AssetKey
    catalog: str
    snapshot: Snapshot


def read_changed_files(
    connection: duckdb.DuckDBPyConnection, before: Pinned, after: Pinned, state: State
) -> Change | None:
    """Returns the change as temporary tables, or `None` where the files alone cannot tell it.

    Both snapshots must have the columns of `state`, names and types.
    """
    was, now = _list_files(connection, before), _list_files(connection, after)
    if was is None or now is None:
        return None
    try:
        for name, sql in (("_inserted", _rows_only_in(now, was, state)), ("_deleted", _rows_only_in(was, now, state))):
            connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
    except duckdb.BinderException:
        # A file from before a column was added does not hold it.
        return None
    return Change("_inserted", "_deleted")


def _list_files(connection: duckdb.DuckDBPyConnection, pinned: Pinned) -> Files | None:
    """Each data file with a query for the places of its deleted rows, `None` for a file without.

    `None` alone where a file is written in a way that only the lake reads.
    """
    # Not bound: the first bound value of a process imports pandas, which takes longer than all the rest.
    name, schema = literal(pinned.asset.name), literal(pinned.asset.schema)
    rows = connection.execute(
        "SELECT data_file, delete_file, data_file_encryption_key, delete_file_encryption_key"
        f" FROM ducklake_list_files({literal(pinned.catalog)}, {name}, schema => {schema})"
    ).fetchall()
    if any(key is not None for _, _, *keys in rows for key in keys):
        return None
    if not all(path is None or path.endswith(".parquet") for row in rows for path in row[:2]):
        return None
    merged = _merged_deletions(connection, [row[1] for row in rows if row[1] is not None])
    return {
        data_file: _positions(deletions, pinned.snapshot if deletions in merged else None) if deletions else None
        for data_file, deletions, *_ in rows
    }


def _merged_deletions(connection: duckdb.DuckDBPyConnection, files: Sequence[str]) -> set[str]:
    if not files:
        return set()
    listed = ", ".join(map(literal, files))
    rows = connection.execute(
        f"SELECT file_name FROM parquet_schema([{listed}]) WHERE name = {literal(_SINCE)}"
    ).fetchall()
    return {row[0] for row in rows}


def _positions(file: str, snapshot: Snapshot | None) -> str:
    until = "" if snapshot is None else f" WHERE {_SINCE} <= {int(snapshot)}"
    return f"SELECT pos FROM read_parquet({literal(file)}){until}"


def _rows_only_in(files: Files, other: Files, state: State) -> str:
    """The query for the rows that are alive in `files` and not in `other`."""
    names = {identifier(column.name): column.type for column in state.columns}
    listed = ", ".join(f"{name}::{type_} AS {name}" for name, type_ in names.items())
    whole = [file for file, deleted in files.items() if file not in other and deleted is None]
    parts = [f"SELECT {listed} FROM read_parquet([{', '.join(map(literal, whole))}])"] if whole else []
    for file, deleted in files.items():
        rows = f"SELECT {listed} FROM read_parquet({literal(file)}, file_row_number => true) AS f"
        if file not in other and deleted is not None:
            parts.append(f"{rows} ANTI JOIN ({deleted}) AS d ON f.file_row_number = d.pos")
        elif file in other and other[file] not in {deleted, None}:
            places = f"{other[file]} EXCEPT {deleted}" if deleted is not None else other[file]
            parts.append(f"{rows} SEMI JOIN ({places}) AS d ON f.file_row_number = d.pos")
    return " UNION ALL ".join(parts) or f"FROM {nothing_like(state).relation}"
