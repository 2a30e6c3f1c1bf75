"""What really differs between a base and its next version, by key: rows to insert, keys to delete."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from ..records.candidates import SchemaColumn
from ..sql import identifier

# Past this share of changed rows one fresh file is smaller and quicker to read than a delta.
_WHOLE_ABOVE = 0.5


@dataclass(frozen=True)
class Delta:
    """Relations on the connection; the keys may name rows that the base does not have."""

    inserted: str
    deleted_keys: str


def find_delta(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    base: str,
    columns: Sequence[SchemaColumn],
    key: Sequence[str],
) -> Delta | None:
    """Returns the exact difference by key, or `None` where the whole should be written.

    A key counts as changed when its rows, as a multiset, differ.
    """
    if _has_null_keys(connection, relation, key) or _has_null_keys(connection, base, key):
        return None
    _compare(connection, base, relation, columns, key)
    if _mostly_changed(connection, relation, base):
        return None
    listed = ", ".join(f"k{place} AS {identifier(name)}" for place, name in enumerate(key))
    matched = " AND ".join(f"a.{identifier(name)} = c.k{place}" for place, name in enumerate(key))
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE _inserted AS"
        f" SELECT a.* FROM {relation} AS a SEMI JOIN _changed AS c ON {matched}"
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE _deleted_keys AS SELECT {listed} FROM _changed WHERE was > 0")
    return Delta("_inserted", "_deleted_keys")


def _compare(
    connection: duckdb.DuckDBPyConnection, before: str, after: str, columns: Sequence[SchemaColumn], key: Sequence[str]
) -> None:
    # Columns of the key go by numbers here: a name of theirs that is one of the others' would stand for both.
    keys = ", ".join(f"{identifier(name)} AS k{place}" for place, name in enumerate(key))
    places = ", ".join(f"k{place}" for place in range(len(key)))
    values = ", ".join(f"{identifier(column.name)}::{column.type}" for column in columns)
    # Two independent sums per key: an accidental match would hide a change.
    sums = f"sum(hash('first', {values})) AS a, sum(hash('second', {values})) AS b, count(*) AS n"
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE _changed AS"
        f" SELECT {places}, coalesce(o.n, 0) AS was"
        f" FROM (SELECT {keys}, {sums} FROM {before} GROUP BY ALL) AS o"
        f" FULL JOIN (SELECT {keys}, {sums} FROM {after} GROUP BY ALL) AS n USING ({places})"
        " WHERE (o.a, o.b, o.n) IS DISTINCT FROM (n.a, n.b, n.n)"
    )


def _mostly_changed(connection: duckdb.DuckDBPyConnection, relation: str, base: str) -> bool:
    row = connection.execute(
        "SELECT (SELECT count(*) FROM _changed),"
        f" greatest((SELECT count(*) FROM {relation}), (SELECT count(*) FROM {base}))"
    ).fetchone()
    return bool(row and row[0] > _WHOLE_ABOVE * row[1])


def _has_null_keys(connection: duckdb.DuckDBPyConnection, relation: str, key: Sequence[str]) -> bool:
    condition = " OR ".join(f"{identifier(name)} IS NULL" for name in key)
    row = connection.execute(f"SELECT count(*) FROM (SELECT 1 FROM {relation} WHERE {condition} LIMIT 1)").fetchone()
    return bool(row and row[0])
