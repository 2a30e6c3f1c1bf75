"""What a collection looks like: its name, its properties from the contracts' columns, its index. Knows no server."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from ...records.base import sha256_of
from ...records.candidates import SchemaColumn
from ...records.embeddings import EmbeddingOptions, IndexSettings, Weaviate
from ...records.keys import AssetKey
from ...sql import identifier

PropertyType = Literal["text", "int", "number", "boolean", "date", "text[]"]

# What every object has besides columns of the source: its row's key and chunk exactly, the text that was embedded,
# the version that brought it, and a hash of all that it should hold.
KEY, CHUNK, TEXT, VERSION, DIGEST = "lake_key", "lake_chunk", "lake_text", "lake_version", "lake_digest"
_OWN = (KEY, CHUNK, TEXT, VERSION, DIGEST)
_RESERVED = {"id", "vector", "_id", "_additional", *_OWN}
_WHOLE_NUMBERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
_DATES = {"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"}
_FORMAT = 1


@dataclass(frozen=True)
class Property:
    """One column of the source in an object; `source_type` is what DuckDB calls its type."""

    name: str
    column: str
    type: PropertyType
    sql: str
    source_type: str = ""

    def as_in_source(self, value: Any) -> Any:
        """Returns a value that the server gave as the source has it: the server knows instants alone."""
        if not isinstance(value, datetime):
            return value
        if self.source_type == "DATE":
            return value.date()
        return value if self.source_type == "TIMESTAMP WITH TIME ZONE" else value.replace(tzinfo=None)


@dataclass(frozen=True)
class CollectionPlan:
    """How the objects of one embedding are laid out and indexed."""

    asset: AssetKey
    alias: str
    properties: tuple[Property, ...]
    index: IndexSettings

    @property
    def layout(self) -> str:
        """Equal where a collection can be changed in place, and does not have to be made anew."""
        laid_out = [(item.name, item.column, item.type, item.sql) for item in self.properties]
        return sha256_of([_FORMAT, self.asset, laid_out, self.index.model_dump(mode="json")])[:16]

    def collection(self, content: str, taken: Sequence[str]) -> str:
        """Returns a name for a new collection of this content that none of the taken ones has."""
        name = f"{self.alias}__{sha256_of([content, self.layout])[:12]}"
        numbered = (name, *(f"{name}_{number}" for number in range(2, len(taken) + 3)))
        return next(candidate for candidate in numbered if candidate not in taken)

    def without_properties(self) -> "CollectionPlan":
        return replace(self, properties=())

    def owns(self, collection: str) -> bool:
        return collection.startswith(f"{self.alias}__")


def alias_of(asset: AssetKey, options: Weaviate) -> str:
    """Returns the name that readers use: `embeddings.advisory` is `Embeddings__advisory`."""
    return options.alias or f"{asset.schema.capitalize()}__{asset.name}"


def plan_collection(
    asset: AssetKey, embedding: EmbeddingOptions, options: Weaviate, columns: Sequence[SchemaColumn]
) -> CollectionPlan:
    """Lays the objects out; `columns` are the source's."""
    title = (embedding.title,) if embedding.title else ()
    wanted = dict.fromkeys([*embedding.key, *title, *embedding.show, *options.columns])
    types = {column.name: column.type for column in columns}
    taken = set(_RESERVED)
    properties = []
    for column in wanted:
        if column in types:
            name = _property_name(column, taken)
            taken.add(name)
            properties.append(Property(name, column, *_typed(column, types[column]), types[column]))
    return CollectionPlan(asset, alias_of(asset, options), tuple(properties), options.index)


def _property_name(column: str, taken: set[str]) -> str:
    # The server takes letters, digits and _, and makes the first letter small.
    name = re.sub(r"[^A-Za-z0-9_]", "_", column)
    name = name[:1].lower() + name[1:] if name[:1].isalpha() or name[:1] == "_" else f"c_{name}"
    while name in taken:
        name += "_"
    return name[:200]


def _typed(column: str, type_: str) -> tuple[PropertyType, str]:
    """Returns the server's type and the SQL that makes a value of it; whatever is neither number, date nor list of
    texts is text. Numbers travel as doubles; the row's key is kept exactly in a property of its own.
    """
    name = f"s.{identifier(column)}"
    if type_ in _WHOLE_NUMBERS:
        return "int", f"{name}::BIGINT"
    if type_ in {"FLOAT", "DOUBLE"} or type_.startswith("DECIMAL"):
        return "number", f"CASE WHEN isfinite({name}::DOUBLE) THEN {name}::DOUBLE END"
    if type_ == "BOOLEAN":
        return "boolean", name
    if type_ in _DATES:
        return "date", _date(name, type_)
    if type_ == "VARCHAR[]":
        return "text[]", f"list_filter({name}, lambda x: x IS NOT NULL)"
    return "text", f"{name}::VARCHAR"


def _date(name: str, type_: str) -> str:
    at = f"({name} AT TIME ZONE 'UTC')" if type_ == "TIMESTAMP WITH TIME ZONE" else f"{name}::TIMESTAMP"
    # Other years are no dates to the server.
    return (
        f"CASE WHEN year({at}) BETWEEN 1 AND 9999 THEN"
        f" lpad(year({at})::VARCHAR, 4, '0') || strftime({at}, '-%m-%dT%H:%M:%S.%fZ') END"
    )
