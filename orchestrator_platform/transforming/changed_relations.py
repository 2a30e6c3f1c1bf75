"""Which relations of the workbench a statement changes, and whether the node that dbt is at may change them.

It judges words and knows no connection. What it cannot read counts as changed.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from duckdb import StatementType

from .sql_words import Word
from .workbench import BASE, GONE, PART, WORKBENCH

NAMED = frozenset({"table", "view", "schema", "sequence", "type"})
BEFORE_NAMED = frozenset({"create", "drop", "alter", "comment", "on", "or", "replace", "temp", "temporary", "local"})
_DEFINING = frozenset({StatementType.CREATE, StatementType.DROP, StatementType.ALTER})
_BESIDE = frozenset({BASE, PART, GONE})
# In a name of two parts the first is a catalog, too.
_CATALOGS = frozenset({WORKBENCH, "temp"})
_MAIN = "main"


@dataclass(frozen=True)
class Change:
    """`name` has its parts in lower case; of a schema it is the schema's."""

    name: tuple[str, ...]
    of_schema: bool = False


class RelationOwners:
    """Who may change what: a node its own relation and what dbt keeps beside it, and nobody what was published.

    `owners` names for each `schema.name` the node that builds it, nothing where none does.
    """

    def __init__(self, owners: Mapping[str, str]) -> None:
        self._owners = {key.lower(): node for key, node in owners.items()}
        self._schemas = _BESIDE | {key.split(".", 1)[0] for key in self._owners}
        self._node, self.where = "", "dbt in the workbench"

    @contextmanager
    def at(self, node: str, where: str) -> Iterator[None]:
        """dbt builds or tests this node meanwhile; what it runs outside of any is a hook of the project."""
        before = self._node, self.where
        self._node, self.where = node, where
        try:
            yield
        finally:
            self._node, self.where = before

    def object_to(self, words: Sequence[Word], kind: StatementType) -> str | None:
        """Returns why the node may not run the statement, `None` where it may."""
        changes = list(find_changes(words, kind))
        if not changes:
            return "it cannot be told which table it changes; write it as DuckDB's documentation does"
        for change in changes:
            for key in self._meant(change):
                if key in self._schemas if change.of_schema else not self._may_change(key):
                    return (
                        f"it changes {key}, which is not this node's own; a model, its hooks and macros change its own"
                        " table alone: take the statement out, and write what the model needs into its SELECT"
                    )
        return None

    def _meant(self, change: Change) -> Iterator[str]:
        if change.of_schema:
            yield change.name[-1]
            return
        if len(change.name) == 1 or change.name[-2] in _CATALOGS:
            yield f"{_MAIN}.{change.name[-1]}"
        if len(change.name) > 1:
            yield ".".join(change.name[-2:])

    def _may_change(self, key: str) -> bool:
        schema, name = key.split(".", 1)
        if schema in _BESIDE:
            own = [key for key, node in self._owners.items() if node == self._node and node]
            return schema != BASE and any(name == key or name.startswith(f"{key}__dbt_") for key in own)
        return key not in self._owners or (bool(self._node) and self._owners[key] == self._node)


def find_changes(words: Sequence[Word], kind: StatementType) -> Iterator[Change]:
    """Yields what the statement changes; nothing where that cannot be told."""
    top = [word for word in words if word.depth == 0 and word.text not in {"(", ")", ";"}]
    yield from _defined(top, kind) if kind in _DEFINING else _written(top)


def _defined(top: Sequence[Word], kind: StatementType) -> Iterator[Change]:
    at = next((index for index, word in enumerate(top) if word.text not in BEFORE_NAMED), len(top))
    what, before = _text(top, at), {word.text for word in top[:at]}
    at += 1
    if _text(top, at) == "if" and _text(top, at + 1) in {"not", "exists"}:
        at += 3 if _text(top, at + 1) == "not" else 2
    name = _name(top, at)
    if not name:
        return
    if what == "schema":
        # A schema that is only added changes nothing that is there.
        added = kind == StatementType.CREATE and "replace" not in before
        yield Change(("",) if added else name, of_schema=True)
        return
    yield Change(name)
    after = at + 2 * len(name) - 1
    if _text(top, after) == "rename" and _text(top, after + 1) == "to":
        yield from (Change((*name[:-1], *new)) for new in [_name(top, after + 2)])


def _written(top: Sequence[Word]) -> Iterator[Change]:
    at = _after_with(top)
    verb = _text(top, at)
    at += 1
    if verb == "insert" and _text(top, at) == "or":
        at += 2
    expected = {"insert": "into", "merge": "into", "delete": "from"}.get(verb)
    if expected is not None and _text(top, at) != expected:
        return
    if expected is not None or (verb == "truncate" and _text(top, at) == "table"):
        at += 1
    if verb in {"insert", "merge", "delete", "update", "truncate"} and _text(top, at) != "only":
        name = _name(top, at)
        if name:
            yield Change(name)


def _after_with(top: Sequence[Word]) -> int:
    """The queries that WITH names stand in parentheses, and so are not among these words."""
    if _text(top, 0) != "with":
        return 0
    at = 0
    while at < len(top):
        at = next((index for index in range(at, len(top)) if top[index].text == "as"), len(top)) + 1
        at += _text(top, at) == "not"
        at += _text(top, at) == "materialized"
        if _text(top, at) != ",":
            break
    return at


def _text(top: Sequence[Word], index: int) -> str:
    return top[index].text if index < len(top) else ""


def _name(top: Sequence[Word], at: int) -> tuple[str, ...]:
    parts: list[str] = []
    while at < len(top) and top[at].kind in {"identifier", "keyword"}:
        parts.append(top[at].text.lower())
        if not _text(top, at + 1).startswith("."):
            return tuple(parts)
        at += 2
    return ()
