"""Arrow values as text or JSON without loss; types for which there is no such text are refused."""

import math
from decimal import Decimal
from typing import Any

import pyarrow
from pyarrow import types

from .json_values import NumberText, compact
from .refusals import FileRefused

BadRows = dict[int, tuple[str, str]]
_NOT_FINITE = ("json", "NaN or infinity inside a nested value")


def check_type(name: str, type_: pyarrow.DataType) -> None:
    """Raises FileRefused where values of the type have no text form."""
    if (unfit := _unfit(type_)) is not None:
        raise FileRefused("columns: type", f"column {name[:100]} is {unfit}, which has no text form")


def _unfit(type_: pyarrow.DataType) -> str | None:
    if types.is_dictionary(type_):
        return _unfit(type_.value_type)
    if types.is_nested(type_):
        children = [type_.field(index).type for index in range(type_.num_fields)]
        return str(type_) if types.is_union(type_) else next(filter(None, map(_unfit, children)), None)
    fits = (
        types.is_string(type_) or types.is_large_string(type_) or types.is_string_view(type_)
        or types.is_boolean(type_) or types.is_integer(type_) or types.is_floating(type_) or types.is_decimal(type_)
        or types.is_date(type_) or types.is_timestamp(type_) or types.is_time(type_) or types.is_null(type_)
    )  # fmt: skip
    return None if fits else str(type_)


def text_column(array: pyarrow.Array, bad: BadRows) -> list[str | None]:
    """Returns the values as text, nested ones as compact JSON; notes rows for which there is none."""
    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if types.is_nested(array.type):
        plain = [
            plain_value(value, index, bad) for index, value in enumerate(array.cast(_plain(array.type)).to_pylist())
        ]
        return [None if value is None else compact(value).decode("utf-8") for value in plain]
    if types.is_decimal(array.type):
        return [None if value is None else format(value, "f") for value in array.to_pylist()]
    try:
        texts = array.cast(pyarrow.large_string())
        texts.validate(full=True)
        return list(texts.to_pylist())
    except (pyarrow.ArrowInvalid, UnicodeDecodeError):
        return [_text(value, index, bad) for index, value in enumerate(array)]


def _text(value: pyarrow.Scalar, index: int, bad: BadRows) -> str | None:
    try:
        text = value.cast(pyarrow.large_string()).as_py()
    except (pyarrow.ArrowInvalid, UnicodeDecodeError):
        bad[index] = ("encoding", "a value that is not UTF-8 text")
        return None
    return None if text is None else str(text)


def _plain(type_: pyarrow.DataType) -> pyarrow.DataType:
    """The same nested type with text in place of dates and times, which Python cannot hold to the nanosecond."""
    made = type_
    if types.is_temporal(type_):
        made = pyarrow.string()
    elif types.is_dictionary(type_):
        made = _plain(type_.value_type)
    elif types.is_struct(type_):
        made = pyarrow.struct([field.with_type(_plain(field.type)) for field in type_])
    elif types.is_map(type_):
        made = pyarrow.map_(_plain(type_.key_type), _plain(type_.item_type))
    elif types.is_fixed_size_list(type_):
        made = pyarrow.list_(_plain(type_.value_type), type_.list_size)
    elif types.is_large_list(type_):
        made = pyarrow.large_list(_plain(type_.value_type))
    elif types.is_list(type_):
        made = pyarrow.list_(_plain(type_.value_type))
    return made


def plain_value(value: Any, index: int, bad: BadRows) -> Any:
    """Returns what JSON can say for a value of Arrow; notes the row where JSON cannot."""
    if isinstance(value, dict):
        return {key: plain_value(item, index, bad) for key, item in value.items()}
    if isinstance(value, list):
        return [plain_value(item, index, bad) for item in value]
    if isinstance(value, tuple):
        return [plain_value(item, index, bad) for item in value]
    if isinstance(value, Decimal):
        return NumberText(format(value, "f"))
    if isinstance(value, float) and not math.isfinite(value):
        bad[index] = _NOT_FINITE
        return None
    return value
