"""Which tables a query names. It reads the text alone: no connection is opened for it."""

from collections.abc import Collection

from ..records.keys import AssetKey
from .sql_words import split_words

_BEFORE_TABLE = frozenset({"from", "join"})


def tables_read(sql: str, known: Collection[AssetKey]) -> frozenset[AssetKey]:
    """Returns what stands as `schema.name` after FROM and JOIN, and those `known` ones that follow a comma."""
    words = [word for word in split_words(sql) if word.kind != "comment"]
    found = set()
    for before, schema, dot, name in zip(words, words[1:], words[2:], words[3:], strict=False):
        if dot.text != "." or schema.kind != "identifier":
            continue
        key = AssetKey(f"{schema.text}.{name.text}")
        if before.text in _BEFORE_TABLE or (before.text == "," and key in known):
            found.add(key)
    return frozenset(found)
