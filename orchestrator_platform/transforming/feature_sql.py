"""Which SQL may make features: a function of single records, that reads nothing but what it is handed.

It judges text. Where every value comes from must follow from the text alone: no other table, no clock, no chance.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import duckdb

from ..errors import StatementRefused
from ..records.features import RECORDS
from ..records.keys import AssetKey
from .statement_check import StatementCheck, parse_tree, walk_nodes
from .unstable_sql import why_unstable

# They give nothing but what stands in their arguments.
_ROW_SOURCES = frozenset({"unnest", "range", "generate_series", "json_each", "json_tree"})


class FeatureSqlCheck:
    """Judges the SQL of features with a DuckDB of its own; close it after use."""

    def __init__(self) -> None:
        self._parser = duckdb.connect()
        self._statements = StatementCheck(self._parser)

    def close(self) -> None:
        self._parser.close()

    def features(self, sql: str, where: str) -> None:
        """Accepts one SELECT that reads `records` and nothing else.

        Raises:
            StatementRefused: It reads another table, calls what reads one, or depends on clock or chance.
        """
        tree = self._tree(sql, where)
        for table in _tables(tree):
            if table != RECORDS:
                raise _refused(sql, where, f"it reads {table}, and only `{RECORDS}` is there")

    def published(self, sql: str, where: str, known: Collection[AssetKey]) -> frozenset[AssetKey]:
        """Accepts one SELECT over published tables and returns which these are.

        Raises:
            StatementRefused: It reads what no receipt would name, or depends on clock or chance.
        """
        read = set()
        for table in _tables(self._tree(sql, where)):
            try:
                key = AssetKey(table)
            except ValueError:
                key = None
            if key is None or key not in known:
                raise _refused(sql, where, f"it reads {table}, which is no table of the project")
            read.add(key)
        return frozenset(read)

    def expression(self, sql: str, where: str) -> None:
        """Accepts one expression over the columns of `records`.

        Raises:
            StatementRefused: It is something else.
        """
        wrapped = one_value(sql)
        tree = self._tree(wrapped, where)
        node = tree["statements"][0]["node"]
        plain = node.get("type") == "SELECT_NODE" and len(node["select_list"]) == 1 and not node["modifiers"]
        nested = sum(each.get("type") == "SELECT_NODE" for each in walk_nodes(tree)) > 1
        windows = any(each.get("class") == "WINDOW" for each in walk_nodes(tree))
        others = node.get("where_clause") or node.get("group_expressions") or node.get("cte_map", {}).get("map")
        if not plain or nested or windows or others or list(_tables(tree)) != [RECORDS]:
            raise _refused(sql, where, "it must be one expression over the columns of a single record")

    def _tree(self, sql: str, where: str) -> Any:
        self._statements.query(sql, where)
        tree = parse_tree(self._parser, sql)
        for node in walk_nodes(tree):
            why = self._objection(node)
            if why:
                raise _refused(sql, where, why)
        return tree

    def _objection(self, node: Mapping[str, Any]) -> str | None:
        kind = node.get("type")
        if kind == "TABLE_FUNCTION":
            name = str(node.get("function", {}).get("function_name", "")).lower()
            return None if name in _ROW_SOURCES else f"the table function {name}() is not allowed here"
        if kind == "SHOW_REF":
            return "it describes tables instead of reading records"
        if node.get("sample"):
            return "it takes a sample, which is another one each time"
        return why_unstable(node)


def one_value(expression: str, *beside: str) -> str:
    """Returns the query of an expression over `records`; a comment at its end ends with its line."""
    return f"SELECT {', '.join((f'({expression}{chr(10)}) AS value', *beside))} FROM {RECORDS}"


def _tables(tree: Any) -> Iterator[str]:
    """Yields the names of what is read, but for the queries that the statement itself names."""
    own = {
        str(entry["key"]).lower()
        for node in walk_nodes(tree)
        if isinstance(node.get("cte_map"), dict)
        for entry in node["cte_map"].get("map", [])
    }
    for node in walk_nodes(tree):
        if node.get("type") == "BASE_TABLE":
            parts = [str(node.get(part) or "") for part in ("catalog_name", "schema_name", "table_name")]
            name = ".".join(part for part in parts if part)
            if parts[:2] != ["", ""] or name.lower() not in own - {RECORDS}:
                yield name.lower()


def _refused(sql: str, where: str, why: str) -> StatementRefused:
    text = " ".join(sql.split())
    return StatementRefused(where=where, statement=f"`{text if len(text) <= 120 else text[:117] + '...'}`", why=why)
