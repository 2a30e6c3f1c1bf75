"""Python values as SQL literals of a column's type, where both sides then mean the same value.

Everything that is not certain is `None`: then the rule stays with pandera.
"""

import math
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from ..sql import literal

_BITS = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64}
INTEGER_RANGES = {
    **{name: (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for name, bits in _BITS.items()},
    **{f"U{name}": (0, 2**bits - 1) for name, bits in _BITS.items()},
}
FLOATING = ("FLOAT", "DOUBLE")
_EXACT_IN_DOUBLE = 2**53
_LARGEST_FLOAT = 3.4028234663852886e38
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")


def sql_literal(value: Any, type_name: str) -> str | None:
    """Returns the value as a literal that compares with a column of the type as it does in pandas."""
    if type_name in INTEGER_RANGES:
        return _integer(value, *INTEGER_RANGES[type_name])
    if decimal := _DECIMAL.fullmatch(type_name):
        return _decimal(value, precision=int(decimal[1]), scale=int(decimal[2]))
    writers = {
        "FLOAT": _float,
        "DOUBLE": _double,
        "VARCHAR": _text,
        "BOOLEAN": _boolean,
        "DATE": _date,
        "TIMESTAMP": _timestamp,
        "TIMESTAMP WITH TIME ZONE": _instant,
    }
    return writers[type_name](value) if type_name in writers else None


def _integer(value: Any, least: int, most: int) -> str | None:
    return str(value) if type(value) is int and least <= value <= most else None


def _double(value: Any) -> str | None:
    exact = type(value) is float or (type(value) is int and abs(value) <= _EXACT_IN_DOUBLE)
    # As text: a bare 0.1 is a DECIMAL in DuckDB, and its way to DOUBLE is not the parser's.
    return f"'{float(value)!r}'::DOUBLE" if exact and not math.isnan(value) else None


def _float(value: Any) -> str | None:
    text = _double(value)
    if text is None or (math.isfinite(value) and abs(value) > _LARGEST_FLOAT):
        return None
    return f"{text}::FLOAT"


def _text(value: Any) -> str | None:
    if type(value) is not str or "\0" in value or not _is_unicode(value):
        return None
    return literal(value)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _boolean(value: Any) -> str | None:
    return str(value).lower() if type(value) is bool else None


def _date(value: Any) -> str | None:
    return f"DATE '{value.isoformat()}'" if type(value) is date else None


def _timestamp(value: Any) -> str | None:
    if not _is_moment(value) or value.tzinfo is not None:
        return None
    return f"TIMESTAMP '{value.isoformat(sep=' ', timespec='microseconds')}'"


def _instant(value: Any) -> str | None:
    if not _is_moment(value) or value.tzinfo is None:
        return None
    return f"TIMESTAMPTZ '{value.astimezone(UTC).isoformat(sep=' ', timespec='microseconds')}'"


def _is_moment(value: Any) -> bool:
    # pandas' timestamps are datetimes, with nanoseconds that a column does not have; NaT is not equal to itself.
    return isinstance(value, datetime) and value == value and not getattr(value, "nanosecond", 0)  # noqa: PLR0124


def _decimal(value: Any, *, precision: int, scale: int) -> str | None:
    if type(value) is int:
        value = Decimal(value)
    if type(value) is not Decimal or not value.is_finite():
        return None
    _, digits, exponent = value.normalize().as_tuple()
    whole_digits = max(len(digits) + int(exponent), 0)
    if -int(exponent) > scale or whole_digits > precision - scale or len(digits) > precision:
        return None
    return f"'{value:f}'::DECIMAL({precision},{scale})"
