"""What in SQL gives something else each time that it is asked: clocks, chance, sequences, the session."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import duckdb

_CLOCKS = frozenset({"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"})
_UNSTABLE = (
    "SELECT DISTINCT lower(function_name) FROM duckdb_functions()"
    " WHERE stability IN ('VOLATILE', 'CONSISTENT_WITHIN_QUERY')"
)


def why_unstable(node: Mapping[str, Any]) -> str | None:
    """Returns what is unstable about one node of a parsed statement."""
    called = str(node.get("function_name", "")).lower()
    if node.get("class") in {"FUNCTION", "WINDOW"} and called in _unstable_functions():
        return f"the function {called}() gives something else each time"
    is_column = node.get("type") == "COLUMN_REF"
    named = str((node.get("column_names") or [""])[-1]) if is_column else ""
    return f"{named} gives something else each time" if named.lower() in _CLOCKS else None


@cache  # they are the same for one DuckDB
def _unstable_functions() -> frozenset[str]:
    with duckdb.connect() as connection:
        return frozenset(row[0] for row in connection.execute(_UNSTABLE).fetchall())
