"""Finds the rows in which two states differ, as one temporary table: paired by key, or row by row.

Both ways give the same rows. A row that both states hold equally often is in neither answer; of what
is left the rows of one key are paired in their order, and what has no partner was added or removed.
"""

from collections.abc import Sequence

import duckdb

from ..sql import identifier
from .state import Change, Shared, State

DIFFERENCES = "_differences"


def join_rows(
    connection: duckdb.DuckDBPyConnection, before: str, after: str, shared: Sequence[Shared], key: Sequence[str]
) -> None:
    """Fills the table by one join of two relations: both states whole, or the rows that went and came.

    No key may be missing in both, and none that is in both may repeat in either.
    """
    places = _places(shared, key)
    differ = [f"b.c{i} IS DISTINCT FROM a.c{i}" for i in range(len(shared)) if i not in places]
    missing = ["b.place IS NULL", "a.place IS NULL"]
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {DIFFERENCES} AS SELECT {_kind()}, {_both(shared)}"
        f" FROM {_given(before, [c.before for c in shared])} AS b"
        f" FULL JOIN {_given(after, [c.after for c in shared])} AS a"
        f" ON {' AND '.join(f'b.c{i} = a.c{i}' for i in places)} WHERE {' OR '.join([*missing, *differ])}"
    )


def net_change(
    connection: duckdb.DuckDBPyConnection, change: Change, shared: Sequence[Shared], key: Sequence[str]
) -> None:
    """Fills the table from rows that came and rows that went, what cancels out left aside."""
    columns = ", ".join(f"c{i}" for i in range(len(shared)))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE _net AS SELECT {columns}, sum(sign)::BIGINT AS n FROM ("
        f"SELECT {columns}, 1 AS sign FROM {_given(change.inserted, [c.after for c in shared])}"
        f" UNION ALL SELECT {columns}, -1 FROM {_given(change.deleted, [c.before for c in shared])}"
        f") GROUP BY {columns} HAVING sum(sign) <> 0"
    )
    if key:
        _pair(connection, shared, _places(shared, key))
    else:
        _list(connection, shared)


def list_states(connection: duckdb.DuckDBPyConnection, before: State, after: State) -> None:
    """Fills the table for two states that share no column: every row went, every row came."""
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {DIFFERENCES} AS SELECT 'removed' AS kind FROM {before.relation}"
        f" UNION ALL SELECT 'added' FROM {after.relation}"
    )


def has_unique_key(connection: duckdb.DuckDBPyConnection, relation: str, key: Sequence[str]) -> bool:
    """Whether the key is in every row of the relation, and in no two the same."""
    listed = ", ".join(identifier(name) for name in key)
    missing = " OR ".join(f"{identifier(name)} IS NULL" for name in key)
    return not connection.execute(
        f"SELECT 1 FROM {relation} WHERE {missing} UNION ALL"
        f" SELECT 1 FROM (SELECT 1 FROM {relation} GROUP BY {listed} HAVING count(*) > 1) LIMIT 1"
    ).fetchall()


def _pair(connection: duckdb.DuckDBPyConnection, shared: Sequence[Shared], places: Sequence[int]) -> None:
    columns = ", ".join(f"c{i}" for i in range(len(shared)))
    keys = ", ".join(f"c{i}" for i in places)
    repeated = connection.execute(
        f"SELECT 1 FROM _net GROUP BY {keys}, n > 0 HAVING sum(abs(n)) > 1 LIMIT 1"
    ).fetchall()
    number = f"row_number() OVER (PARTITION BY {keys}, n > 0 ORDER BY {columns})" if repeated else "1"
    rows = f"(SELECT {columns}, n, {number} AS place FROM {_expanded(columns)})"
    same = " AND ".join([*(f"b.c{i} IS NOT DISTINCT FROM a.c{i}" for i in places), "b.place = a.place"])
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {DIFFERENCES} AS SELECT {_kind()}, {_both(shared)}"
        f" FROM (SELECT * FROM {rows} WHERE n < 0) AS b FULL JOIN (SELECT * FROM {rows} WHERE n > 0) AS a ON {same}"
    )


def _list(connection: duckdb.DuckDBPyConnection, shared: Sequence[Shared]) -> None:
    columns = ", ".join(f"c{i}" for i in range(len(shared)))
    rows = _expanded(columns)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {DIFFERENCES} AS SELECT {_kind()}, {_both(shared)}"
        f" FROM (SELECT *, 1 AS place FROM {rows} WHERE n < 0) AS b"
        f" FULL JOIN (SELECT *, 2 AS place FROM {rows} WHERE n > 0) AS a ON b.place = a.place"
    )


def _places(shared: Sequence[Shared], key: Sequence[str]) -> list[int]:
    names = [column.name for column in shared]
    return [names.index(name) for name in key]


def _given(relation: str, expressions: Sequence[str]) -> str:
    listed = ", ".join(f"{expression} AS c{i}" for i, expression in enumerate(expressions))
    return f"(SELECT {listed}, 1::TINYINT AS place FROM {relation})"


def _expanded(columns: str) -> str:
    """Every row as often as it is too many or too few."""
    return f"(SELECT {columns}, n, unnest(range(abs(n))) FROM _net)"


def _both(shared: Sequence[Shared]) -> str:
    return ", ".join(f"b.c{i} AS b{i}, a.c{i} AS a{i}" for i in range(len(shared)))


def _kind() -> str:
    return "CASE WHEN b.place IS NULL THEN 'added' WHEN a.place IS NULL THEN 'removed' ELSE 'changed' END AS kind"
