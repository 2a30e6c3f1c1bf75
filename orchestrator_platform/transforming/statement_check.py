"""Which SQL may run in the workbench: it reads what was put there, and no file, no catalog, no setting.

It judges text and knows no connection. What it allows is a list; what is not on it is refused.
"""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Self

import duckdb
from duckdb import StatementType

from ..errors import StatementRefused
from ..sql import literal
from .changed_relations import BEFORE_NAMED, NAMED, RelationOwners
from .sql_words import Word, find_queries, split_words
from .workbench import WORKBENCH

ROW_SOURCES = frozenset(
    {
        "unnest",
        "range",
        "generate_series",
        "json_each",
        "json_tree",
        "repeat",
        "repeat_row",
        "histogram",
        "histogram_values",
    }
)
CATALOG_SOURCES = frozenset(
    {"duckdb_databases", "duckdb_schemas", "duckdb_tables", "duckdb_views", "duckdb_columns", "duckdb_constraints",
     "duckdb_indexes", "pragma_table_info"}
)  # fmt: skip
LOOSE_SCALARS = frozenset({"getenv", "current_setting", "write_log", "sleep_ms", "pg_sleep", "getvariable"})
LAKE = "lake"

_SELECT = StatementType.SELECT
_ALLOWED = {
    _SELECT, StatementType.INSERT, StatementType.UPDATE, StatementType.DELETE, StatementType.MERGE_INTO,
    StatementType.CREATE, StatementType.DROP, StatementType.ALTER, StatementType.TRANSACTION,
}  # fmt: skip
_LAKE_METADATA = "__ducklake_metadata_"
_INSTALLATION = re.compile(r"^(duckdb|pragma|sqlite)_|^pg_(settings|prepared_statements)$")
_FILE_NAME = re.compile(
    r"[/\\*?]|://|\.(csv|tsv|txt|parquet|json|jsonl|ndjson|db|duckdb|sqlite|xlsx|avro|arrow|gz|zst)$", re.IGNORECASE
)
# dbt writes who asks before each statement.
_COMMENT = re.compile(r"^\s*/\*.*?\*/", re.DOTALL)
_BEFORE_SOURCE = frozenset({"from", "join", "lateral", "using", "into", "update"})
_CALLED_WITH_FROM = frozenset({"extract", "substring", "trim", "overlay"})
_READERS = frozenset(
    {"query", "query_table", "glob", "sniff_csv", "which_secret", "json_execute_serialized_sql", "checkpoint",
     "force_checkpoint", "enable_logging", "disable_logging", "truncate_duckdb_logs", "arrow_scan_dumb"}
)  # fmt: skip
_READER_NAME = re.compile(
    r"^(read_|parquet_|copy_|ducklake_|sqlite_|postgres_|mysql_|iceberg_|delta_|http_|st_read|load_|duckdb_|pragma_)"
    r"|_(scan|attach|execute|secrets)$"
)


_LENT: ContextVar[duckdb.DuckDBPyConnection | None] = ContextVar("_LENT", default=None)


@contextmanager
def one_parser() -> Iterator[None]:
    """Opens one DuckDB for all that is examined meanwhile: a project has dozens of statements."""
    with duckdb.connect(config={"threads": 1}) as parser:
        token = _LENT.set(parser)
        try:
            yield
        finally:
            _LENT.reset(token)


def open_parser() -> duckdb.DuckDBPyConnection:
    """Returns an empty DuckDB in memory, to be closed by the caller."""
    lent = _LENT.get()
    return duckdb.connect() if lent is None else lent.cursor()


class StatementCheck:
    """Judges SQL with a parser of its own, an empty DuckDB in memory, or one that is lent; close it after use."""

    def __init__(self, parser: duckdb.DuckDBPyConnection | None = None) -> None:
        self._parser = parser or open_parser()

    def close(self) -> None:
        self._parser.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def query(self, sql: str, where: str) -> None:
        """Accepts exactly one SELECT over relations of the workbench; `where` names the culprit in the error.

        Raises:
            StatementRefused: It is something else, or it calls or reads what it may not.
        """
        kinds = [statement.type for statement in self._parse(sql, where)]
        if kinds != [_SELECT]:
            found = ", ".join(kind.name for kind in kinds) or "nothing"
            raise StatementRefused(
                where=where, statement=_short(sql), why=f"it must be exactly one SELECT, and is {found}"
            )
        self._select(sql, where, ROW_SOURCES)

    def statement(self, sql: str, where: str, owners: RelationOwners | None = None) -> None:
        """Accepts the statements by which dbt builds: they read and change relations of the workbench alone.

        With `owners` they change only what the node at work may change.

        Raises:
            StatementRefused: A statement is of another type, or calls or reads what it may not.
        """
        for statement in self._parse(sql, where):
            if statement.type not in _ALLOWED:
                why = f"{statement.type.name} is not allowed here"
                raise StatementRefused(where=where, statement=_short(statement.query), why=why)
            if statement.type == _SELECT:
                self._select(statement.query, where, ROW_SOURCES | CATALOG_SOURCES)
            elif statement.type != StatementType.TRANSACTION:
                self._change(statement.query, statement.type, where, owners)

    def tree(self, sql: str) -> Any:
        """Returns the statement's syntax tree, or what has an `error`."""
        return parse_tree(self._parser.cursor(), sql)

    def _parse(self, sql: str, where: str) -> list[duckdb.Statement]:
        try:
            return self._parser.cursor().extract_statements(sql)
        except (duckdb.Error, UnicodeError) as error:
            raise StatementRefused(where=where, statement=_short(sql), why=f"it cannot be parsed: {error}") from error

    def _select(self, sql: str, where: str, sources: frozenset[str]) -> None:
        tree = self.tree(sql)
        if tree.get("error"):
            why: str | None = f"it cannot be examined: {tree.get('error_message', 'there is no syntax tree')}"
        else:
            why = next(_objections(tree, sources), None)
        if why:
            raise StatementRefused(where=where, statement=_short(sql), why=why)

    def _change(self, sql: str, kind: StatementType, where: str, owners: RelationOwners | None) -> None:
        words = split_words(sql)
        why = _object_to_kind(words, kind) or next(_object_to_words(words), None)
        why = why or (owners.object_to(words, kind) if owners else None)
        if why:
            raise StatementRefused(where=where, statement=_short(sql), why=why)
        ends_with_query = kind in {StatementType.CREATE, StatementType.INSERT}
        for query in find_queries(sql, words, top=ends_with_query):
            self._select(query, where, ROW_SOURCES | CATALOG_SOURCES)


def parse_tree(parser: duckdb.DuckDBPyConnection, sql: str) -> Any:
    """Returns the statement's syntax tree, or what has an `error`.

    The text is no bound value: binding one waits for pandas, and definitions are read before every command.
    """
    row = parser.execute(f"SELECT json_serialize_sql({literal(sql)})").fetchone()
    return json.loads(row[0]) if row else {"error": True}


@lru_cache(maxsize=256)  # the same text is accepted again; what was refused is judged anew
def check_query(sql: str, where: str) -> None:
    """Accepts what `StatementCheck.query` accepts, with a parser for this one text."""
    with StatementCheck() as check:
        check.query(sql, where)


def _short(sql: str) -> str:
    text = " ".join(_COMMENT.sub("", sql, count=1).split()) or " ".join(sql.split())
    return f"`{text if len(text) <= 120 else text[:117] + '...'}`"


def _objections(tree: Any, sources: frozenset[str]) -> Iterator[str]:
    for node in walk_nodes(tree):
        yield from _object_to(node, sources)


def walk_nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yields every node of a parsed statement, with a stack of its own: SQL can nest deeper than Python may recurse."""
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending.extend(node)
        elif isinstance(node, dict):
            pending.extend(node.values())
            yield node


def _object_to(node: dict[str, Any], sources: frozenset[str]) -> Iterator[str]:
    if node.get("type") == "TABLE_FUNCTION":
        name = str(node.get("function", {}).get("function_name", "")).lower()
        if name not in sources:
            yield f"the table function {name}() is not allowed; read tables by ref() or source()"
    elif node.get("type") == "BASE_TABLE":
        yield from _object_to_table(node)
    elif node.get("class") == "FUNCTION" and str(node.get("function_name", "")).lower() in LOOSE_SCALARS:
        yield f"the function {node['function_name']}() looks outside the workbench"


def _object_to_table(node: dict[str, Any]) -> Iterator[str]:
    parts = [str(node.get(part) or "") for part in ("catalog_name", "schema_name", "table_name")]
    full = ".".join(part for part in parts if part)
    if _is_file(parts):
        yield f"{full} would be read as a file; read tables by ref() or source()"
    if any(part.lower() == LAKE or part.lower().startswith(_LAKE_METADATA) for part in parts[:2]):
        yield f"{full} goes past ref() and source(), so that no receipt would name it"
    if _INSTALLATION.search(parts[2].lower()):
        yield f"{full} shows the installation, not data"
    if node.get("at_clause"):
        yield f"{full} is read at another version than the one this build is pinned to"


def _object_to_kind(words: Sequence[Word], kind: StatementType) -> str | None:
    if kind not in {StatementType.CREATE, StatementType.DROP, StatementType.ALTER}:
        return None
    what = next((word.text for word in words if word.text not in BEFORE_NAMED), "nothing")
    return None if what in NAMED else f"{kind.name} {what.upper()} is not allowed here"


def _object_to_words(words: Sequence[Word]) -> Iterator[str]:
    for index, word in enumerate(words):
        before = words[index - 1].text if index else ""
        after = words[index + 1].text if index + 1 < len(words) else ""
        names_source = (
            before in _BEFORE_SOURCE and words[index - 1].kind == "keyword" and not _is_operand(words, index - 1)
        )
        if word.kind == "string_const" and names_source:
            yield f"{word.text} would be read as a file"
        if word.kind != "identifier" and not (word.kind == "keyword" and after == "("):
            continue
        name = word.text.lower()
        if after == "(" and (name in LOOSE_SCALARS or _reads(name) or (names_source and _is_source(words, index))):
            yield f"the function {name}() is not allowed here"
        elif after != "(" and names_source and _is_file(_parts(words, index)):
            yield f"{'.'.join(_parts(words, index))} would be read as a file"


def _is_operand(words: Sequence[Word], index: int) -> bool:
    """The FROM of `is distinct from x`, or of `extract(year from x)` and its like, names no source."""
    if words[index].text != "from":
        return False
    if index and words[index - 1].text == "distinct":
        return index > 1 and words[index - 2].text in {"is", "not"}
    depth = 0
    for position in range(index - 1, -1, -1):
        text = words[position].text
        depth += {")": 1, "(": -1}.get(text, 0)
        if depth < 0:
            return position > 0 and words[position - 1].text.lower() in _CALLED_WITH_FROM
    return False


def _is_source(words: Sequence[Word], index: int) -> bool:
    """A name before a parenthesis is a function after FROM and JOIN, a list of columns after INTO and TABLE."""
    return words[index - 1].text in {"from", "join", "lateral"} and words[index].text.lower() not in ROW_SOURCES


def _reads(name: str) -> bool:
    return name not in ROW_SOURCES | CATALOG_SOURCES and (name in _READERS or bool(_READER_NAME.search(name)))


def _is_file(parts: Sequence[str]) -> bool:
    """Unquoted `data.csv` parses as a schema and a table; a name that says its catalog is never looked up as a file."""
    named = [part for part in parts if part]
    return bool(_FILE_NAME.search(named[-1] if len(named) == 3 and named[0] == WORKBENCH else ".".join(named)))


def _parts(words: Sequence[Word], index: int) -> list[str]:
    parts = [words[index].text]
    for dot, name in zip(words[index + 1 :: 2], words[index + 2 :: 2], strict=False):
        if dot.text != ".":
            break
        parts.append(name.text)
    return parts
