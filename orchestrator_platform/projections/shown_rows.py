"""What search results show of each row, in a file that is mapped: one line of JSON for each, found by its number.

Values are those that DuckDB gives. A table with a value that cannot be written so is not written at all.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_MARK = "__"
_KINDS: Mapping[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "decimal": Decimal,
}


@dataclass(frozen=True, eq=False)
class ShownRows:
    """`lines` are the bytes of all rows, uint8; `ends` where each row's end, int64, shape (n_rows,)."""

    lines: "npt.NDArray[np.uint8]"
    ends: "npt.NDArray[np.int64]"

    def read(self, number: int) -> list[Any]:
        """Returns the values of a row."""
        begins = int(self.ends[number - 1]) if number else 0
        line = self.lines[begins : int(self.ends[number])].tobytes()
        values: list[Any] = json.loads(line, object_hook=_value)
        return values


def write_lines(file: Path, rows: Iterable[Sequence[Any]]) -> "npt.NDArray[np.int64] | None":
    """Writes a line for each row and returns where they end; `None` where a value is of another kind."""
    import numpy as np

    ends, written = [], 0
    with file.open("wb") as opened:
        for row in rows:
            try:
                line = json.dumps(row, default=_marked, ensure_ascii=False).encode("utf-8")
            except (TypeError, ValueError):
                return None
            if any(isinstance(value, dict | list) for value in row):
                return None
            opened.write(line)
            written += len(line)
            ends.append(written)
    return np.array(ends, dtype=np.int64)


def _marked(value: object) -> dict[str, str]:
    match value:
        case datetime():
            if value.tzinfo is not None:
                raise TypeError("DuckDB's time zones are kept by it")
            return {f"{_MARK}datetime": value.isoformat()}
        case date():
            return {f"{_MARK}date": value.isoformat()}
        case Decimal():
            return {f"{_MARK}decimal": str(value)}
        case _:
            raise TypeError(type(value).__name__)


def _value(marked: dict[str, str]) -> Any:
    ((kind, text),) = marked.items()
    return _KINDS[kind.removeprefix(_MARK)](text)
