"""From which columns of which tables a dbt model makes each of its own: read out of the SQL that dbt executed.

Columns are followed through common table expressions and subqueries, to the tables that the statement reads. What
decides which rows there are (a filter, a join's condition) is not counted: it makes no value.
"""

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..records.keys import AssetKey
from .recorded_builds import RecordedBuild

Columns = Sequence[tuple[str, str]]
Made = Mapping[str, tuple[tuple[AssetKey, str], ...]]
_DIALECT = "duckdb"


def statement_of(builds: Sequence[RecordedBuild]) -> str | None:
    """Returns the statement that makes the whole table, of the builds that are kept of one model.

    The build with the fewest statements is the one without a base.
    """
    ranked = sorted(builds, key=lambda build: len(build.statements))
    return next((sql for build in ranked for sql in build.statements if "create" in sql.lower()), None)


def trace_columns(sql: str, known: Mapping[AssetKey, Columns]) -> Made:
    """Returns for each column of a `CREATE TABLE … AS` the columns that it is made from.

    Args:
        known: Name and type of the columns of what the statement may read.

    Raises:
        ValueError: The statement cannot be followed.
    """
    with _quiet():
        from sqlglot.errors import SqlglotError

        try:
            return _trace(sql, known)
        except (SqlglotError, AttributeError, KeyError, TypeError, RecursionError) as error:
            first = str(error).partition("\n")[0]
            raise ValueError(f"{type(error).__name__}: {first}") from error


def _trace(sql: str, known: Mapping[AssetKey, Columns]) -> Made:
    from sqlglot import parse_one
    from sqlglot.lineage import lineage
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import build_scope

    query = parse_one(sql, dialect=_DIALECT).expression
    if query is None:
        raise ValueError("it makes no table of a query")
    database = next((table.catalog for table in query.find_all(_table()) if table.catalog), "")
    schema = _schema(database, known)
    query = qualify(query.unnest(), schema=schema, dialect=_DIALECT, validate_qualify_columns=False)
    scope = build_scope(query)
    found = {}
    for name in query.named_selects:
        root = lineage(name, query, {}, scope=scope, dialect=_DIALECT, copy=False)
        found[name] = tuple(sorted(set(_leaves(root, known))))
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """What the parser remarks on columns that it cannot follow tells people nothing they could do."""
    logger = logging.getLogger("sqlglot")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "sqlglotrs is deprecated", DeprecationWarning)
            yield
    finally:
        logger.setLevel(before)


def _table() -> Any:
    from sqlglot import exp

    return exp.Table


def _schema(database: str, known: Mapping[AssetKey, Columns]) -> dict[str, Any]:
    schemas: dict[str, dict[str, dict[str, str]]] = {}
    for key, columns in known.items():
        schemas.setdefault(key.schema, {})[key.name] = dict(columns)
    return {database: schemas} if database else schemas


def _leaves(root: Any, known: Mapping[AssetKey, Columns]) -> Iterator[tuple[AssetKey, str]]:
    for node in root.walk():
        source = node.source
        if node.downstream or not isinstance(source, _table()):
            continue
        try:
            key = AssetKey(f"{source.db}.{source.name}")
        except ValueError:
            continue
        # The parser folds names to small letters; the table's own spelling is what people look for.
        wanted = str(node.name).rpartition(".")[2].strip('"').lower()
        yield from ((key, name) for name, _ in known.get(key, ()) if name.lower() == wanted)
