"""Why a row or a whole file was not read, as raised and passed on inside the reading process."""

from collections.abc import Sequence
from typing import NamedTuple

# With this code the reading process says that a file took more memory than it may.
OUT_OF_MEMORY_EXIT = 71


class RejectedRow(NamedTuple):
    """A row that was not read. `line` counts from 1: the line, or the record's ordinal."""

    line: int
    rule: str
    reason: str
    position: str = ""


class FileRefused(Exception):
    """No row of the file may be used.

    `n_rows` is how many rows were seen in it, `extra` are columns that nobody declared.
    """

    def __init__(
        self,
        rule: str,
        reason: str,
        *,
        position: str = "",
        n_rows: int = 0,
        extra: tuple[str, ...] = (),
    ) -> None:
        self.rule, self.reason, self.position, self.n_rows = rule, reason, position, n_rows
        self.extra = extra
        super().__init__(f"{rule}: {reason}")


class ReadingFailed(Exception):
    """Opening the file or writing its rows failed: no fault of what the file holds."""


def listed(names: Sequence[str], limit: int = 10) -> str:
    """Returns the first names, and how many more there are."""
    return ", ".join(name[:100] for name in names[:limit]) + (
        f" and {len(names) - limit} more" if len(names) > limit else ""
    )
