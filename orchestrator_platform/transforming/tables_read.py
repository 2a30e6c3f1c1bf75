"""Which tables a query names. It reads the text alone and knows no connection."""

import json
from collections.abc import Iterator
from typing import Any

import duckdb

from ..records.keys import AssetKey


def tables_read(sql: str) -> frozenset[AssetKey]:
    """Returns the tables named as `schema.name`; empty where the text is no query."""
    with duckdb.connect() as parser:
        row = parser.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
    return frozenset(_tables(json.loads(row[0]))) if row else frozenset()


def _tables(node: Any) -> Iterator[AssetKey]:
    if isinstance(node, list):
        for child in node:
            yield from _tables(child)
    elif isinstance(node, dict):
        if node.get("type") == "BASE_TABLE" and node.get("schema_name"):
            yield AssetKey(f"{node['schema_name']}.{node['table_name']}")
        for child in node.values():
            yield from _tables(child)
