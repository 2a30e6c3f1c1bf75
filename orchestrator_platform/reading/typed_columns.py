"""SQL that turns landed text into a type strictly: what is not written as that type becomes nothing, never a guess."""

import re

from ..errors import DefinitionError
from ..sql import identifier

# DuckDB's own casts are lenient: '1.7' becomes 2, '1_0' becomes 10, and a timestamp's offset is dropped.
INTEGER_TEXT = r"[+-]?[0-9]+"
NUMBER_TEXT = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
DAY_TEXT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
ZONE_TEXT = r"(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)"

_INTEGER_TYPES = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"}
)
_FRACTION_DIGITS = {"TIMESTAMP": 6, "TIMESTAMP_S": 0, "TIMESTAMP_MS": 3, "TIMESTAMP_NS": 9}
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")


def typed_value_sql(name: str, type: str) -> str:  # noqa: A002  # the word for it in a Column
    """Returns an expression of the type over the text column `name`; NULL where the text is not of the type.

    Raises:
        DefinitionError: Landed text cannot be of that type.
    """
    column = identifier(name)
    if type == "VARCHAR":
        return column
    condition = _written_as(column, name, type)
    return f"CASE WHEN {condition} THEN TRY_CAST({column} AS {type}) END"


def untyped_predicate_sql(name: str, type: str) -> str:  # noqa: A002  # the word for it in a Column
    """Returns a predicate that is true where the text is there and is not strictly of the type.

    Raises:
        DefinitionError: Landed text cannot be of that type.
    """
    column = identifier(name)
    if type == "VARCHAR":
        return "false"
    return f"({column} IS NOT NULL AND ({typed_value_sql(name, type)}) IS NULL)"


def _written_as(column: str, name: str, type_: str) -> str:
    if type_ in {"DOUBLE", "FLOAT"}:
        return f"{_matches(column, NUMBER_TEXT)} AND isfinite(TRY_CAST({column} AS {type_}))"
    if type_ == "JSON":
        return f"json_valid({column})"
    if type_ == "BOOLEAN":
        return f"{column} IN ('true', 'false')"
    return _matches(column, _pattern(name, type_))


def _pattern(name: str, type_: str) -> str:
    if type_ in _INTEGER_TYPES:
        return INTEGER_TEXT
    if decimal := _DECIMAL.fullmatch(type_):
        return rf"[+-]?[0-9]+{_fraction(int(decimal[2]))}"
    if type_ in _FRACTION_DIGITS:
        return rf"{DAY_TEXT}([T ]{clock_text(_FRACTION_DIGITS[type_])})?"
    if type_ == "TIMESTAMP WITH TIME ZONE":
        return rf"{DAY_TEXT}[T ]{clock_text(6)} ?{ZONE_TEXT}"
    patterns = {"DATE": DAY_TEXT, "TIME": clock_text(6), "UUID": _UUID}
    if type_ in patterns:
        return patterns[type_]
    raise DefinitionError(
        file=f"column {name}",
        problem=f"landed text cannot be read as {type_}",
        fix="Declare the column as text, and take it apart in a table built on top.",
    )


def clock_text(digits: int) -> str:
    """Returns the pattern of a time of day with so many digits of a second."""
    # 24:00 and a 60th second would be moved to another instant.
    return rf"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]{_fraction(digits)})?"


def _fraction(digits: int) -> str:
    """Digits beyond the type's precision may only be zeros: the cast would drop them."""
    return rf"(\.[0-9]{{0,{digits}}}0*)?"


def _matches(column: str, pattern: str) -> str:
    return f"regexp_full_match({column}, '{pattern}')"
