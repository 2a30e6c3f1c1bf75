"""The text of an asset selection becomes a tree: a subset of Dagster's own syntax, with the same meaning.

Knows no assets. What it does not know it refuses, with the position.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

LENGTH_LIMIT = 2000
NESTING_LIMIT = 40
SUPPORTED = (
    "supported are key:, group: and kind: with a name or a quoted text (key: and group: know the wildcard *),"
    " *, and, or, not, parentheses, and +x, x+, 2+x, x+2 for what is upstream and downstream"
)

_SPACE = " \t\r\n"
_TOKEN = re.compile(
    r'(?P<quoted>"[^"\\\x00-\x1f]*")|(?P<digits>[0-9]+)|(?P<word>[A-Za-z_*][\w/*]*)|(?P<sign>[+:()])', re.ASCII
)
# Dagster's lexer takes these for itself, so that as a name they need quotes.
_RESERVED = frozenset(
    {"and", "or", "not", "AND", "OR", "NOT", "key", "owner", "group", "tag", "kind", "is", "code_location", "status"}
    | {"column", "table_name", "column_tag", "changed_in_branch", "partitions", "automation_type", "sensor"}
    | {"schedule", "job", "sinks", "roots"}
)


class Field(StrEnum):
    KEY = "key"
    GROUP = "group"
    KIND = "kind"


@dataclass(frozen=True)
class Everything:
    pass


@dataclass(frozen=True)
class Having:
    """The assets whose field is the text; in a key or a group `*` stands for any text."""

    field: Field
    text: str


@dataclass(frozen=True)
class Not:
    inner: "Expression"


@dataclass(frozen=True)
class Both:
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True)
class Either:
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True)
class Around:
    """The inner assets with those at most so many steps up and down; `None` is any number, 0 none."""

    inner: "Expression"
    up: int | None
    down: int | None


Expression = Everything | Having | Not | Both | Either | Around


def parse_selection(text: str) -> Expression:
    """Returns the selection as a tree.

    Raises:
        ValueError: What is wrong, at which position (from 1), and what is supported.
    """
    if len(text) > LENGTH_LIMIT:
        raise ValueError(f"a selection has at most {LENGTH_LIMIT} characters, this one has {len(text)}")
    parser = _Parser(text)
    tree = parser.either(0)
    parser.end()
    return tree


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    position: int


def _tokens(text: str) -> list[_Token]:
    tokens, at = [], 0
    while at < len(text):
        if text[at] in _SPACE:
            at += 1
            continue
        match = _TOKEN.match(text, at)
        if match is None:
            hint = ", write an asset as key:schema/name" if text[at] == "." else ""
            raise ValueError(f"{text[at]!r} at position {at + 1} is not understood{hint}; {SUPPORTED}")
        tokens.append(_Token(str(match.lastgroup), match[0], at + 1))
        at = match.end()
    return [*tokens, _Token("end", "", len(text) + 1)]


class _Parser:
    """Recursive descent; `or` binds least, then `and`, `not`, and the signs of traversal."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = 0

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _take(self, *texts: str) -> bool:
        taken = self._token.kind in ("word", "sign") and self._token.text in texts
        self._next += taken
        return taken

    def _refuse(self, expected: str) -> ValueError:
        found = repr(self._token.text) if self._token.text else "the end"
        return ValueError(f"{expected} expected at position {self._token.position}, found {found}; {SUPPORTED}")

    def end(self) -> None:
        if self._token.kind != "end":
            raise self._refuse("`and`, `or` or the end")

    def either(self, depth: int) -> Expression:
        tree = self._both(depth)
        while self._take("or", "OR"):
            tree = Either(tree, self._both(depth))
        return tree

    def _both(self, depth: int) -> Expression:
        tree = self._not(depth)
        while self._take("and", "AND"):
            tree = Both(tree, self._not(depth))
        return tree

    def _not(self, depth: int) -> Expression:
        if depth > NESTING_LIMIT:
            raise ValueError(f"more than {NESTING_LIMIT} levels at position {self._token.position}")
        if self._take("not", "NOT"):
            return Not(self._not(depth + 1))
        if self._take("*"):
            return Everything()
        return self._around(depth)

    def _around(self, depth: int) -> Expression:
        up = self._up()
        inner = self._single(depth)
        down = self._down()
        return inner if up == 0 == down else Around(inner, up, down)

    def _up(self) -> int | None:
        steps = self._digits()
        if self._take("+"):
            return steps
        if steps is not None:
            raise self._refuse("`+`")
        return 0

    def _down(self) -> int | None:
        return self._digits() if self._take("+") else 0

    def _digits(self) -> int | None:
        if self._token.kind != "digits":
            return None
        digits = self._token.text
        self._next += 1
        return int(digits)

    def _single(self, depth: int) -> Expression:
        if self._take("("):
            inner = self.either(depth + 1)
            if not self._take(")"):
                raise self._refuse("`)`")
            return inner
        if self._token.kind == "word" and self._token.text in frozenset(Field):
            field = Field(self._token.text)
            self._next += 1
            if not self._take(":"):
                raise self._refuse("`:`")
            return Having(field, self._value(field))
        raise self._refuse("a selection")

    def _value(self, field: Field) -> str:
        token = self._token
        if token.kind == "quoted" and token.text != '""':
            value = token.text[1:-1]
        elif token.kind == "word" and token.text not in _RESERVED and self._plain(field, token.text):
            value = token.text
        else:
            raise self._refuse("a name or a quoted text")
        self._next += 1
        return value

    def _plain(self, field: Field, word: str) -> bool:
        return "*" not in word or (field is Field.KEY and word != "*")
