"""What the values of a sampled column could be: a type that all of them strictly have, and what stays open."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .json_paths import Step, follow_path
from .json_values import NumberText, text_of
from .sample_files import Sample
from .typed_columns import DAY_TEXT, INTEGER_TEXT, NUMBER_TEXT, ZONE_TEXT, clock_text

_BIGINT = range(-(2**63), 2**63)
_MAX_DEPTH = 3
_STAND_INS = frozenset({"null", "none", "na", "n/a", "nan", "-", "?", "unknown"})
_PATTERNS = {
    "DATE": re.compile(DAY_TEXT),
    "TIMESTAMP WITH TIME ZONE": re.compile(rf"{DAY_TEXT}[T ]{clock_text(6)} ?{ZONE_TEXT}"),
    "TIMESTAMP": re.compile(rf"{DAY_TEXT}[T ]{clock_text(6)}"),
}
_INTEGER, _NUMBER = re.compile(INTEGER_TEXT), re.compile(NUMBER_TEXT)
_LEADING_ZERO = re.compile(r"[+-]?0[0-9]")


@dataclass(frozen=True)
class SampledColumn:
    """A column as the sample shows it. `steps` lead to it in a record, `doubts` are for a person to settle."""

    steps: tuple[Step, ...]
    type: str
    nullable: bool
    unique: bool
    doubts: tuple[str, ...] = ()


def sample_columns(samples: Sequence[Sample]) -> tuple[SampledColumn, ...]:
    """Returns the columns of the sampled records; of nested ones the single values in them."""
    records = [record for sample in samples for record in sample.records]
    found: dict[tuple[Step, ...], None] = {}
    for record in records:
        for steps in _leaves(record, ()):
            found[steps] = None
    return tuple(_column(steps, records, csv=samples[0].format == "csv") for steps in found if all(steps))


def holds_nested(samples: Sequence[Sample]) -> bool:
    return any(isinstance(value, dict | list) for s in samples for record in s.records for value in record.values())


def _leaves(record: Mapping[str, Any], before: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    for key, value in record.items():
        steps = (*before, key)
        if isinstance(value, dict):
            if len(steps) < _MAX_DEPTH:
                yield from _leaves(value, steps)
        elif not isinstance(value, list):
            yield steps


def _column(steps: tuple[Step, ...], records: Sequence[Mapping[str, Any]], *, csv: bool) -> SampledColumn:
    values = [follow_path(record, steps) for record in records]
    given = [value for value in values if value is not None and not (csv and value == "")]
    texts = [text_of(value) or "" for value in given]
    numbers = sum(isinstance(value, NumberText) for value in given)
    type_, doubts = _type_of(texts)
    if 0 < numbers < len(given):
        type_, doubts = "VARCHAR", ["numbers in some records, something else in others"]
    elif not numbers and type_ in {"BIGINT", "DOUBLE"} and not csv and given and isinstance(given[0], str):
        doubts.append("numbers written as text: text if they are names, not amounts")
    if any(isinstance(value, dict | list) for value in given):
        type_, doubts = "VARCHAR", ["a single value in some records, nested in others: nested ones come as JSON text"]
    nullable = len(given) < len(values)
    unique = not nullable and len(texts) > 1 and len(set(texts)) == len(texts)
    return SampledColumn(steps, type_, nullable, unique, tuple(doubts))


def _type_of(texts: Sequence[str]) -> tuple[str, list[str]]:
    if not texts:
        return "VARCHAR", ["no value in the sample, so text"]
    if all(text in ("true", "false") for text in texts):
        return "BOOLEAN", []
    if all(_NUMBER.fullmatch(text) for text in texts):
        return _number_type(texts)
    for type_, pattern in _PATTERNS.items():
        if all(pattern.fullmatch(text) for text in texts):
            return type_, ["times without a zone: which zone they mean"] if type_ == "TIMESTAMP" else []
    return "VARCHAR", _text_doubts(texts)


def _number_type(texts: Sequence[str]) -> tuple[str, list[str]]:
    if any(_LEADING_ZERO.match(text) for text in texts):
        return "VARCHAR", ["digits with leading zeros, so text"]
    if all(_INTEGER.fullmatch(text) for text in texts):
        if all(int(text) in _BIGINT for text in texts):
            few = set(texts) <= {"0", "1"}
            return "BIGINT", ["only 0 and 1: perhaps a yes or no"] if few else []
        return "VARCHAR", ["integers beyond 64 bits, so text"]
    return "DOUBLE", ["a binary fraction is not exact: for money declare a decimal"]


def _text_doubts(texts: Sequence[str]) -> list[str]:
    stand_ins = sorted({text for text in texts if text.strip().lower() in _STAND_INS})
    rest = [text for text in texts if text not in stand_ins]
    doubts = [f"whether {', '.join(map(repr, stand_ins[:5]))} mean that there is no value"] if stand_ins else []
    if stand_ins and rest and (without := _type_of(rest)[0]) != "VARCHAR":
        doubts.append(f"without them it would be {without}")
    temporal = sum(any(pattern.fullmatch(text) for pattern in _PATTERNS.values()) for text in texts)
    if temporal * 2 > len(texts):
        some = "in more than one form" if temporal == len(texts) else "in most records, something else in others"
        doubts.append(f"dates or times {some}, so text")
    return doubts
