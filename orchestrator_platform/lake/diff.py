"""Compares two states of one table: chooses the way, counts, and takes a few rows of each kind.

It knows states and how they may be compared, not where they come from; what may be shown is told by the caller.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from ..records.diffs import ROWS_SHOWN, ChangedRow, ColumnDiff, ColumnValues, SchemaChange, Way
from ..records.findings import MASK, VALUE_LIMIT
from ..sql import literal, told_bytes
from .content import Content, hash_algorithm, measure_content
from .differing_rows import DIFFERENCES, has_unique_key, join_rows, list_states, net_change
from .state import Change, Shared, State, schema_changes, shared_columns

_ORDERED = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
            "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "DATE", "TIME")  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """What was found; `grain` is empty where no key that both states have could pair their rows."""

    way: Way
    grain: tuple[str, ...]
    n_added: int
    n_removed: int
    n_changed: int
    schema_changes: tuple[SchemaChange, ...]
    columns: tuple[ColumnDiff, ...]
    added: tuple[dict[str, Any], ...]
    removed: tuple[dict[str, Any], ...]
    changed: tuple[ChangedRow, ...]


def compare_states(
    connection: duckdb.DuckDBPyConnection,
    before: State,
    after: State,
    key: Sequence[str],
    is_shown: Callable[[str], bool],
    read_change: Callable[[], Change | None] | None = None,
) -> Difference:
    """Returns in which rows, columns and values two states differ.

    Args:
        key: The grain; empty where the table has none, then whole rows are compared.
        is_shown: Whether the values of a column of this name may be shown.
        read_change: Gives what was inserted and deleted between the states, where that is much less than both.
            It is believed only if it makes the one data version out of the other.
    """
    shared = shared_columns(before, after)
    names = {column.name for column in shared}
    grain = tuple(key) if set(key) <= names else ()
    changes = schema_changes(before, after)
    way = _find(connection, before, after, shared, grain, None if changes else read_change)
    counts = _counts(connection)
    return Difference(
        way=way,
        grain=grain,
        n_added=counts.get("added", 0),
        n_removed=counts.get("removed", 0),
        n_changed=counts.get("changed", 0),
        schema_changes=changes,
        columns=_columns(connection, shared, is_shown),
        added=_rows(connection, "added", shared, grain, is_shown),
        removed=_rows(connection, "removed", shared, grain, is_shown),
        changed=_changed(connection, shared, grain, is_shown),
    )


def _find(
    connection: duckdb.DuckDBPyConnection,
    before: State,
    after: State,
    shared: Sequence[Shared],
    grain: tuple[str, ...],
    read_change: Callable[[], Change | None] | None,
) -> Way:
    if not shared:
        list_states(connection, before, after)
        return Way.ROWS
    if before.data_version == after.data_version:
        none = f"(FROM {after.relation} LIMIT 0)"
        net_change(connection, Change(none, none), [_as_after(column) for column in shared], grain)
        return Way.SAME
    change = read_change() if read_change is not None else None
    if change is not None and _makes(connection, change, before, after):
        if grain and all(has_unique_key(connection, name, grain) for name in (change.inserted, change.deleted)):
            join_rows(connection, change.deleted, change.inserted, shared, grain)
        else:
            net_change(connection, change, shared, grain)
        return Way.FILES
    one_is_empty = not before.n_rows or not after.n_rows
    if grain and (one_is_empty or all(_is_keyed(connection, state, grain) for state in (before, after))):
        join_rows(connection, before.relation, after.relation, shared, grain)
        return Way.KEYS
    net_change(connection, Change(after.relation, before.relation), shared, grain)
    return Way.ROWS


def _as_after(column: Shared) -> Shared:
    return Shared(column.name, column.type, column.after, column.after)


def _makes(connection: duckdb.DuckDBPyConnection, change: Change, before: State, after: State) -> bool:
    """Whether the change turns the content of the one state into the content of the other."""
    was, now = Content.parse(before.data_version), Content.parse(after.data_version)
    if {was.algorithm, now.algorithm} != {hash_algorithm()}:
        return False
    inserted, deleted = (measure_content(connection, name, after.columns) for name in (change.inserted, change.deleted))
    return was.plus(inserted).minus(deleted) == now


def _is_keyed(connection: duckdb.DuckDBPyConnection, state: State, grain: tuple[str, ...]) -> bool:
    return state.is_keyed or has_unique_key(connection, state.relation, grain)


def _counts(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    return dict(connection.execute(f"SELECT kind, count(*) FROM {DIFFERENCES} GROUP BY kind").fetchall())


def _columns(
    connection: duckdb.DuckDBPyConnection, shared: Sequence[Shared], is_shown: Callable[[str], bool]
) -> tuple[ColumnDiff, ...]:
    if not shared:
        return ()
    measures = ", ".join(_measures(i, is_shown(column.name) and _has_order(column)) for i, column in enumerate(shared))
    row = connection.execute(f"SELECT {measures} FROM {DIFFERENCES}").fetchone()
    assert row is not None
    parts = [row[i * 9 : i * 9 + 9] for i in range(len(shared))]
    return tuple(
        ColumnDiff(
            name=column.name,
            type=column.type,
            n_changed=part[0],
            before=ColumnValues(n_null=part[1], n_distinct=part[2], lowest=part[3], highest=part[4]),
            after=ColumnValues(n_null=part[5], n_distinct=part[6], lowest=part[7], highest=part[8]),
        )
        for column, part in zip(shared, parts, strict=True)
    )


def _measures(i: int, with_bounds: bool) -> str:
    def of(side: str, absent: str) -> str:
        bounds = f"min({side}{i})::VARCHAR, max({side}{i})::VARCHAR" if with_bounds else "NULL, NULL"
        return f"count(*) FILTER (kind <> '{absent}' AND {side}{i} IS NULL), count(DISTINCT {side}{i}), {bounds}"

    changed = f"count(*) FILTER (kind = 'changed' AND b{i} IS DISTINCT FROM a{i})"
    return f"{changed}, {of('b', 'added')}, {of('a', 'removed')}"


def _has_order(column: Shared) -> bool:
    return not column.is_retyped and column.type.startswith(_ORDERED) and "[" not in column.type


def _rows(
    connection: duckdb.DuckDBPyConnection,
    kind: str,
    shared: Sequence[Shared],
    grain: Sequence[str],
    is_shown: Callable[[str], bool],
) -> tuple[dict[str, Any], ...]:
    side = "a" if kind == "added" else "b"
    wanted = [_text(f"{side}{i}", column) for i, column in enumerate(shared)]
    found = _first(connection, kind, wanted, side, shared, grain)
    return tuple(
        {column.name: _shown(column, value, is_shown) for column, value in zip(shared, row, strict=True)}
        for row in found
    )


def _changed(
    connection: duckdb.DuckDBPyConnection,
    shared: Sequence[Shared],
    grain: Sequence[str],
    is_shown: Callable[[str], bool],
) -> tuple[ChangedRow, ...]:
    wanted = [
        f"{_text(f'b{i}', column)}, {_text(f'a{i}', column)}, b{i} IS DISTINCT FROM a{i}"
        for i, column in enumerate(shared)
    ]
    changed = []
    for row in _first(connection, "changed", wanted, "a", shared, grain):
        cells = [(column, *row[i * 3 : i * 3 + 3]) for i, column in enumerate(shared)]
        changed.append(
            ChangedRow(
                key={c.name: _shown(c, after, is_shown) for c, _, after, _ in cells if c.name in grain},
                before={c.name: _shown(c, before, is_shown) for c, before, _, differs in cells if differs},
                after={c.name: _shown(c, after, is_shown) for c, _, after, differs in cells if differs},
            )
        )
    return tuple(changed)


def _first(
    connection: duckdb.DuckDBPyConnection,
    kind: str,
    wanted: Sequence[str],
    side: str,
    shared: Sequence[Shared],
    grain: Sequence[str],
) -> list[tuple[Any, ...]]:
    """The first few rows by key, then by every column: the same ones whichever way found them."""
    if not shared:
        return []
    by_key = sorted(range(len(shared)), key=lambda i: (shared[i].name not in grain, i))
    order = ", ".join([*(f"{side}{i}" for i in by_key), *(f"b{i}" for i in by_key)])
    return connection.execute(
        f"SELECT {', '.join(wanted)} FROM {DIFFERENCES} WHERE kind = {literal(kind)}"
        f" ORDER BY {order} LIMIT {ROWS_SHOWN}"
    ).fetchall()


def _text(value: str, column: Shared) -> str:
    return told_bytes(value) if column.type == "BLOB" else f"left({value}::VARCHAR, {VALUE_LIMIT})"


def _shown(column: Shared, value: str | None, is_shown: Callable[[str], bool]) -> str | None:
    return value if value is None or is_shown(column.name) else MASK
