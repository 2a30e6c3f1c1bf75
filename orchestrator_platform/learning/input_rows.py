"""Rows that somebody gives a model: held against what it was trained with, and made into the frame that it expects.

A row is refused with a sentence about it; nothing is guessed, filled in or cut.
"""

import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_PROBLEMS_TOLD = 5
_GREATEST_FLOAT = 3.4028234663852886e38


@dataclass(frozen=True)
class InputColumn:
    """One column that a model is given. `type` is DuckDB's name of it."""

    name: str
    type: str
    nullable: bool = True


@dataclass(frozen=True)
class InputContract:
    """What a row must have, `features`, and what it may have beside, `key`, by which its answer is known."""

    features: tuple[InputColumn, ...]
    key: tuple[InputColumn, ...] = ()

    def problems(self, rows: Sequence[object]) -> dict[int, str]:
        """Returns what is wrong with each row that is refused, by its place from 1."""
        found = {place: _problem(self, row) for place, row in enumerate(rows, 1)}
        return {place: said for place, said in found.items() if said}

    def parse_texts(self, row: Mapping[str, str | None]) -> dict[str, Any]:
        """Returns a row of a CSV file with values instead of texts; what cannot be read stays a text, to be refused.

        An empty field is no value.
        """
        types = {column.name: column.type for column in (*self.key, *self.features)}
        return {name: _parsed(text, types.get(name, "VARCHAR")) for name, text in row.items() if name is not None}

    def table(self, rows: Sequence[Mapping[str, Any]]) -> "pa.Table":
        """Returns accepted rows as a table of the features, in order."""
        import pyarrow as pa

        arrays = {
            column.name: pa.array(
                [_typed(row[column.name], column.type) for row in rows], type=_arrow_type(column.type)
            )
            for column in self.features
        }
        return pa.table(arrays)

    def frame(self, rows: Sequence[Mapping[str, Any]]) -> "pd.DataFrame":
        """Returns accepted rows as the frame that the model is given, typed as those that it was trained on."""
        frame: pd.DataFrame = self.table(rows).to_pandas()
        return frame


def _problem(contract: InputContract, row: object) -> str:
    if not isinstance(row, Mapping):
        return f"it is no object with a value for each column, but {_told(row)}"
    known = {column.name for column in (*contract.key, *contract.features)}
    said = [f"`{_printable(str(name))}` is no column of it" for name in row if name not in known]
    said += [
        f"`{column.name}` is {_told(row[column.name])}, which cannot be given back with its answer"
        for column in contract.key
        if column.name in row and not _is_plain(row[column.name])
    ]
    for column in contract.features:
        if column.name not in row:
            said.append(f"`{column.name}` is missing")
        elif wrong := _wrong_value(column, row[column.name]):
            said.append(wrong)
    more = f", and {len(said) - _PROBLEMS_TOLD} more" if len(said) > _PROBLEMS_TOLD else ""
    return ", ".join(said[:_PROBLEMS_TOLD]) + more


def _wrong_value(column: InputColumn, value: object) -> str:
    if value is None:
        return "" if column.nullable else f"`{column.name}` must have a value"
    accepts = _acceptor(column.type)
    if accepts is None:
        return f"`{column.name}` has the type {column.type}, which cannot be given here"
    return "" if accepts(value, column.type) else f"`{column.name}` is {_told(value)}, which is no {column.type}"


_Accepts = Callable[[Any, str], bool]


def _acceptor(type_: str) -> _Accepts | None:
    if type_.endswith("[]"):
        return _is_list if _acceptor(type_.removesuffix("[]")) else None
    return _ACCEPTS.get("DECIMAL" if type_.startswith("DECIMAL") else type_)


def _is_plain(value: object) -> bool:
    """Whether a value of the key, by which the caller knows the answer, can stand in the answer."""
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, bool | int) or _is_text(value, "")


def _is_text(value: Any, _: str) -> bool:
    # JSON can spell halves of characters, which no text of a table can hold.
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


def _is_list(value: Any, type_: str) -> bool:
    one = type_.removesuffix("[]")
    accepts = _acceptor(one)
    return isinstance(value, list) and accepts is not None and all(v is None or accepts(v, one) for v in value)


def _is_whole(value: Any, type_: str) -> bool:
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    bits = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64}[type_.removeprefix("U")]
    least, bits = (0, bits) if type_.startswith("U") else (-(2 ** (bits - 1)), bits - 1)
    return bool(least <= value < 1 << bits)


def _is_number(value: Any, type_: str) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    # What is beyond the type would be given to the model as infinite.
    return abs(value) <= (_GREATEST_FLOAT if type_ == "FLOAT" else sys.float_info.max)


def _is_time(value: Any, _: str) -> bool:
    return isinstance(value, str) and _time(value) is not None


_ACCEPTS: Mapping[str, _Accepts] = {
    "VARCHAR": _is_text,
    "BOOLEAN": lambda value, _: isinstance(value, bool),
    **dict.fromkeys(_WHOLE, _is_whole),
    **dict.fromkeys(("DOUBLE", "FLOAT", "DECIMAL"), _is_number),
    **dict.fromkeys(("TIMESTAMP", "DATE"), _is_time),
}


def _parsed(text: str | None, type_: str) -> Any:
    """The value of a text; the text itself where it is none, so that the row is refused with it."""
    if text is None or text == "":
        return None
    if "_" in text and type_ not in {"VARCHAR", "VARCHAR[]"}:
        return text  # 1_0 is a ten to nobody but Python
    if type_.endswith("[]"):
        parse: Callable[[str], Any] = json.loads
    else:
        parse = float if type_.startswith("DECIMAL") else _PARSES.get(type_, str)
    try:
        return parse(text)
    except (ValueError, KeyError):
        return text


_PARSES: Mapping[str, Callable[[str], Any]] = {
    "BOOLEAN": lambda text: {"true": True, "false": False}[text.lower()],
    **dict.fromkeys(_WHOLE, int),
    **dict.fromkeys(("DOUBLE", "FLOAT"), float),
}


def _typed(value: Any, type_: str) -> Any:
    return _time(value) if isinstance(value, str) and type_ in {"TIMESTAMP", "DATE"} else value


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
        # Times are naive ones in UTC everywhere behind this.
        return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
    except (ValueError, OverflowError):
        return None


def _arrow_type(type_: str) -> "pa.DataType":
    import pyarrow as pa

    if type_.endswith("[]"):
        return pa.list_(_arrow_type(type_.removesuffix("[]")))
    known = {
        "VARCHAR": pa.string(), "BOOLEAN": pa.bool_(), "FLOAT": pa.float32(), "TIMESTAMP": pa.timestamp("us"),
        "DATE": pa.date32(), "TINYINT": pa.int8(), "SMALLINT": pa.int16(), "INTEGER": pa.int32(), "BIGINT": pa.int64(),
        "UTINYINT": pa.uint8(), "USMALLINT": pa.uint16(), "UINTEGER": pa.uint32(), "UBIGINT": pa.uint64(),
    }  # fmt: skip
    return known.get(type_, pa.float64())


def _told(value: object) -> str:
    return _printable(json.dumps(value, default=str, ensure_ascii=False))


def _printable(text: str) -> str:
    """A text as it can stand in a sentence, whatever was sent."""
    short = text if len(text) <= 60 else f"{text[:57]}…"
    return short.encode("utf-8", "backslashreplace").decode()
