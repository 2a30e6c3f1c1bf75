"""Compares slices as they were built with those that serve: what is the same is neither replaced nor published."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from ..lake.content import Content, measure_slices, no_content
from ..records.candidates import SchemaColumn
from ..records.slices import Slice
from ..sql import identifier, literal


@dataclass(frozen=True)
class SliceDelta:
    """`inserted` and `deleted` are relations on the connection: rows, and values of the column that cuts the table.

    `removed` is the content of the base's rows that go.
    """

    changed: tuple[Slice, ...]
    same: tuple[Slice, ...]
    inserted: str
    deleted: str
    removed: Content


def measured(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    columns: Sequence[SchemaColumn],
    by: str,
    slices: Sequence[Slice],
) -> tuple[Slice, ...]:
    """Returns the slices with the content that they have in the relation; one without a row has none."""
    found = measure_slices(connection, relation, columns, _name(by))
    nothing = no_content(columns)
    contents = [(item, found.get(item.name, nothing)) for item in slices]
    return tuple(
        item.model_copy(update={"data_version": str(content), "n_rows": content.n_rows}) for item, content in contents
    )


def compare_slices(
    connection: duckdb.DuckDBPyConnection,
    base: str,
    relation: str,
    columns: Sequence[SchemaColumn],
    by: str,
    slices: Sequence[Slice],
) -> SliceDelta:
    """Returns what has to be done to the base so that its slices are those of the relation.

    Rows that are of none of the slices are inserted, for their audit to see.
    """
    names = [item.name for item in slices]
    served = measure_slices(connection, f"(SELECT * FROM {base} WHERE {_within(by, names)})", columns, _name(by))
    nothing = no_content(columns)
    same = tuple(item for item in slices if item.data_version == str(served.get(item.name, nothing)))
    changed = tuple(item for item in slices if item not in same)
    removed = nothing
    for item in changed:
        removed = removed.plus(served.get(item.name, nothing))
    gone = _within(by, [item.name for item in changed])
    return SliceDelta(
        changed,
        same,
        inserted=f"(SELECT * FROM {relation} WHERE ({_within(by, [item.name for item in same])}) IS NOT TRUE)",
        deleted=f"(SELECT DISTINCT {identifier(by)} FROM {base} WHERE {gone})",
        removed=removed,
    )


def _name(by: str) -> str:
    return f"CAST({identifier(by)} AS VARCHAR)"


def _within(by: str, names: Sequence[str]) -> str:
    return f"{_name(by)} IN ({', '.join(map(literal, names))})" if names else "false"
