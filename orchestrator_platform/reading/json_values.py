"""JSON values without loss: numbers keep their text, a key that occurs twice is an error. Knows no files."""

import json
import re
from typing import Any, NoReturn

import orjson

_NUMBER_THAT_MAY_LOSE = re.compile(rb"[:,\[]-?\d+[.eE]|^-?\d+[.eE]")
_ESCAPED_QUOTE = b"\\u0022"
# orjson reads deeper than it writes; what cannot be written again cannot be checked.
MAX_DEPTH = 254


class DuplicateKey(ValueError):
    """An object names a key twice."""


class NumberText:
    """A number as it was written."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def loads_exact(raw: bytes) -> Any:
    """Returns the value with every number as its text. Several times slower than `orjson.loads`.

    Raises:
        DuplicateKey: An object names a key twice.
        ValueError: It is not JSON.
    """
    return json.loads(
        raw.decode("utf-8"),
        object_pairs_hook=_object,
        parse_float=NumberText,
        parse_int=NumberText,
        parse_constant=_no_constant,
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise DuplicateKey
    return made


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def compact(value: Any) -> bytes:
    """Returns compact JSON. Raises TypeError where the value nests too deep."""
    return orjson.dumps(value, default=_number)


def _number(value: Any) -> Any:
    if isinstance(value, NumberText):
        return orjson.Fragment(value.text)
    raise TypeError


def text_of(value: Any) -> str | None:
    """Returns a value as text: strings as they are, scalars as JSON writes them, the rest as compact JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, NumberText):
        return value.text
    return compact(value).decode("utf-8")


def may_lose(value: Any) -> bool:
    """Whether `orjson.loads` may have changed the text of a number in the value it gave."""
    if isinstance(value, float):
        return True
    return isinstance(value, dict | list) and _NUMBER_THAT_MAY_LOSE.search(compact(value)) is not None


def writes_number_that_may_lose(written: bytes) -> bool:
    """The same question, asked of compact JSON."""
    return _NUMBER_THAT_MAY_LOSE.search(written) is not None


def lost_no_key(raw: bytes, written: bytes) -> bool:
    """Whether parsing `raw` and writing it again as `written` surely dropped no key.

    A dropped key takes its two quotes along. Quotes inside strings are written `\\"` on both
    sides, unless the source wrote them as code points.
    """
    return raw.count(b'"') == written.count(b'"') and _ESCAPED_QUOTE not in raw


def too_deep(raw: bytes) -> bool:
    """Whether JSON text nests deeper than this platform reads; brackets in strings may count."""
    depth = 0
    for match in re.finditer(rb"[\[{]|[\]}]", raw):
        depth += 1 if match.group() in b"[{" else -1
        if depth > MAX_DEPTH:
            return True
    return False


def why_not_json(raw: bytes, error: ValueError) -> tuple[str, str, str]:
    """Returns (rule, reason, position) for text that the quick parser refused."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as undecodable:
        return "encoding", "bytes that are not UTF-8", f"byte {undecodable.start + 1}"
    if too_deep(raw):
        return "json: nesting", f"nested deeper than {MAX_DEPTH} levels", ""
    try:
        json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return "json", _message(error), _position(error)
    if "\\u" in text:
        return "encoding", "half of a surrogate pair in a string", _position(error)
    return "json", _message(error), _position(error)


def _message(error: ValueError) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else "not JSON"


def _position(error: ValueError) -> str:
    return f"line {error.lineno} column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
