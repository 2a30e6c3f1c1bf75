"""Tables between DuckDB and pandas, Polars, Arrow or DuckDB relations. It knows no table's meaning."""

import re
from collections.abc import Iterable
from typing import Any, Literal

import duckdb

from ..records.keys import AssetKey

FrameKind = Literal["duckdb", "pandas", "polars", "polars_lazy", "arrow", "arrow_reader"]

_KINDS: dict[tuple[str, str], FrameKind] = {
    ("duckdb", "DuckDBPyRelation"): "duckdb",
    ("pandas", "DataFrame"): "pandas",
    ("polars", "DataFrame"): "polars",
    ("polars", "LazyFrame"): "polars_lazy",
    ("pyarrow", "Table"): "arrow",
    ("pyarrow", "RecordBatchReader"): "arrow_reader",
}
_SHORT = {"pd": "pandas", "pl": "polars", "pa": "pyarrow", "_duckdb": "duckdb"}
_RETURNED = "__returned"
# A relation over a frame names the frame's place in memory, where nothing may be left when it is read.
_POINTS_TO_MEMORY = re.compile(r"_scan\(|\b0x[0-9a-f]+\b", re.IGNORECASE)


def frame_kind(annotation: Any) -> FrameKind | None:
    """Returns which kind an annotation asks for, a relation where there is none; None where it is another type."""
    if annotation is None or annotation is Any:
        return "duckdb"
    if isinstance(annotation, str):
        package, _, name = annotation.rpartition(".")
    else:
        package, name = str(getattr(annotation, "__module__", "")), str(getattr(annotation, "__name__", ""))
    package = package.split(".")[0]
    return _KINDS.get((_SHORT.get(package, package), name))


def hand_over(connection: duckdb.DuckDBPyConnection, relation: str, kind: FrameKind | None) -> Any:
    """Returns the relation as a frame of that kind."""
    rows = connection.sql(f"FROM {relation}")
    match kind:
        case "pandas":
            return rows.df()
        case "polars":
            return rows.pl()
        case "polars_lazy":
            return rows.pl().lazy()
        case "arrow":
            return rows.to_arrow_table()
        case "arrow_reader":
            return rows.to_arrow_reader()
        case _:
            return rows


def take_back(connection: duckdb.DuckDBPyConnection, key: AssetKey, returned: Any) -> str:
    """Puts the returned frame into the connection as `key` and returns its quoted name.

    A relation becomes a view, so that its rows are made only once, where they are written; a frame
    becomes a table.

    Raises:
        TypeError: It is no frame, or its columns cannot be those of a table.
    """
    kind = frame_kind(type(returned))
    if kind is None or returned is None:
        raise TypeError(f"returned {'None' if returned is None else 'a ' + type(returned).__name__}, which is no table")
    frame = returned.collect() if kind == "polars_lazy" else returned
    _check_columns(frame, kind)
    connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{key.schema}"')
    staged = f'"{key.schema}"."{key.name}{_RETURNED}"'
    if kind == "duckdb":
        _require_own(connection, frame)
    if kind == "duckdb" and not _POINTS_TO_MEMORY.search(query := frame.sql_query()):
        _drop(connection, key)
        connection.execute(f"CREATE VIEW {key.quoted} AS {query}")
        return key.quoted
    if kind == "duckdb":
        frame.create(staged)
    else:
        connection.register(_RETURNED, frame)
        try:
            connection.execute(f"CREATE TABLE {staged} AS FROM {_RETURNED}")
        finally:
            connection.unregister(_RETURNED)
    _drop(connection, key)
    connection.execute(f'ALTER TABLE {staged} RENAME TO "{key.name}"')
    return key.quoted


def _require_own(connection: duckdb.DuckDBPyConnection, relation: Any) -> None:
    """A relation of another database would be read under names that mean something else here."""
    connection.execute("CREATE OR REPLACE TEMP TABLE __own AS SELECT 1 AS one")
    try:
        # Only this connection sees its temporary tables.
        relation.query("__asked", "SELECT one FROM __own").fetchall()
    except duckdb.Error as error:
        raise TypeError("returned a relation of another database") from error
    finally:
        connection.execute("DROP TABLE IF EXISTS __own")


def _drop(connection: duckdb.DuckDBPyConnection, key: AssetKey) -> None:
    # A list of what is there would be one of every table of the lake as well.
    try:
        connection.execute(f"DROP VIEW IF EXISTS {key.quoted}")
    except duckdb.CatalogException:
        connection.execute(f"DROP TABLE {key.quoted}")


def _column_names(frame: Any, kind: FrameKind) -> Iterable[Any]:
    match kind:
        case "arrow":
            return frame.column_names  # type: ignore[no-any-return]
        case "arrow_reader":
            return frame.schema.names  # type: ignore[no-any-return]
        case _:
            return frame.columns  # type: ignore[no-any-return]


def _check_columns(frame: Any, kind: FrameKind) -> None:
    names = list(_column_names(frame, kind))
    if not names:
        raise TypeError("returned a table without columns")
    odd = [name for name in names if not isinstance(name, str) or not name]
    if odd:
        raise TypeError(f"returned columns that are no names: {odd[:3]!r}")
    folded = [name.lower() for name in names]
    twice = sorted({name for name in folded if folded.count(name) > 1})
    if twice:
        raise TypeError(f"returned columns twice (case does not tell them apart): {', '.join(twice)}")
    if kind == "pandas" and any(name is not None for name in frame.index.names):
        raise TypeError(
            f"returned a frame with the index {list(frame.index.names)}, which is no column (reset_index())"
        )
