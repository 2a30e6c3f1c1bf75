"""JSON as the command line prints it: numbers exact, NULL null, what JSON has no word for as text. Knows no command."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from enum import Enum
from json.encoder import encode_basestring


def json_text(value: object) -> str:  # noqa: PLR0911  # one for each kind of value
    """Returns one value as JSON on one line.

    Decimals and large integers are numbers with all their digits. NaN and the infinities are the
    texts "NaN", "Infinity" and "-Infinity"; times are ISO 8601; bytes are hexadecimal.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Enum():
            return json_text(value.value)
        case int():
            return int.__repr__(value)
        case float() | Decimal():
            return _number(value)
        case str():
            return encode_basestring(value)
        case _:
            return _compound(value)


def json_lines(items: Iterable[object]) -> Iterator[str]:
    """Yields the lines of one JSON list, one item per line, so that a long list is never held whole."""
    before = "["
    for item in items:
        yield before + json_text(item)
        before = ",\n "
    yield "[]\n" if before == "[" else "]\n"


def unique_names(names: Sequence[str]) -> list[str]:
    """Returns the names with a number behind each repeated one: an object holds a name once."""
    taken: set[str] = set()
    unique = []
    for name in names:
        number, free = 0, name
        while free in taken:
            number += 1
            free = f"{name}_{number}"
        taken.add(free)
        unique.append(free)
    return unique


def _compound(value: object) -> str:
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return json_text(dump(mode="json"))
    match value:
        case Mapping():
            return "{" + ", ".join(f"{json_text(_key(key))}: {json_text(item)}" for key, item in value.items()) + "}"
        case bytes() | bytearray() | memoryview():
            return json_text(bytes(value).hex())
        case Iterable():
            return "[" + ", ".join(json_text(item) for item in value) + "]"
        case date() | time():
            return json_text(value.isoformat().replace("+00:00", "Z"))
        case _:
            return json_text(str(value))


def _number(value: float | Decimal) -> str:
    if math.isnan(value):
        return '"NaN"'
    if math.isinf(value):
        return '"Infinity"' if value > 0 else '"-Infinity"'
    return format(value, "f") if isinstance(value, Decimal) else float.__repr__(value)


def _key(key: object) -> str:
    return key if isinstance(key, str) else json_text(key).strip('"')
