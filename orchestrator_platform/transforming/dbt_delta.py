"""After dbt has run: what became of a node, as SQL that the caller can close into a candidate. It runs no dbt."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb

from ..records.keys import AssetKey
from .workbench import BASE, GONE, PART, beside, exists


@dataclass(frozen=True)
class BuiltRelation:
    """`relation` is the whole next version; with a base, `part` is to be inserted and `gone` are keys to delete."""

    form: Literal["whole", "delta", "append"]
    relation: str
    part: str | None = None
    gone: str | None = None
    key_columns: tuple[str, ...] = ()


def read_built(connection: duckdb.DuckDBPyConnection, key: AssetKey) -> BuiltRelation:
    """Returns what dbt left for the node. Rows that were rewritten unchanged are dropped from the part first.

    A node whose columns differ from its base's is whole: rows of the base would need rewriting.
    """
    whole = BuiltRelation("whole", key.quoted)
    if not exists(connection, PART, key):
        return whole
    if _columns(connection, beside(BASE, key)) != _columns(connection, key.quoted):
        return whole
    if not exists(connection, GONE, key):
        return BuiltRelation("append", key.quoted, part=beside(PART, key))
    keys = tuple(name for name, _ in _columns(connection, beside(GONE, key)))
    _drop_unchanged(connection, key, keys)
    if not connection.execute(f"SELECT 1 FROM {beside(GONE, key)} LIMIT 1").fetchone():
        return BuiltRelation("append", key.quoted, part=beside(PART, key), key_columns=keys)
    return BuiltRelation("delta", key.quoted, beside(PART, key), beside(GONE, key), keys)


def _columns(connection: duckdb.DuckDBPyConnection, relation: str) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in connection.execute(f"DESCRIBE FROM {relation}").fetchall()]


def _drop_unchanged(connection: duckdb.DuckDBPyConnection, key: AssetKey, keys: Sequence[str]) -> None:
    """A key whose rows are the same as before is neither gone nor part; the view over both stays the same."""
    base, part, gone = beside(BASE, key), beside(PART, key), beside(GONE, key)
    names = [f'"{name.replace(chr(34), chr(34) * 2)}"' for name in keys]
    quoted = ", ".join(names)
    connection.execute("BEGIN")
    # The base is large, and is looked through once.
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE before AS SELECT b.* FROM {base} b SEMI JOIN {gone} g USING ({quoted})"
    )
    before, after = "SELECT * FROM before", f"SELECT p.* FROM {part} p SEMI JOIN {gone} g USING ({quoted})"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE changed AS SELECT DISTINCT {quoted} FROM"
        f" (({before} EXCEPT ALL {after}) UNION ALL ({after} EXCEPT ALL {before}))"
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE unchanged AS SELECT {quoted} FROM {gone} ANTI JOIN changed USING ({quoted})"
    )
    matches = " AND ".join(f"x.{name} = u.{name}" for name in names)
    for table in (part, gone):
        connection.execute(f"DELETE FROM {table} AS x USING unchanged u WHERE {matches}")
    for table in ("before", "changed", "unchanged"):
        connection.execute(f"DROP TABLE temp.{table}")
    connection.execute("COMMIT")
