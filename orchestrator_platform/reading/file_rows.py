"""The rows of one file on their way out: counted, rejected with an address, or written. Knows no format."""

from collections.abc import Collection, Sequence
from itertools import compress
from typing import TYPE_CHECKING

from .read_spec import ReadSpec
from .refusals import FileRefused, RejectedRow

if TYPE_CHECKING:
    from .row_parts import RowParts

# Every rejected row has an address; a file with more of them than this is not what it should be.
MAX_REJECTED = 100_000


class FileRows:
    """Gathers what becomes of one file's rows.

    `extra` are columns that nobody declared.
    """

    def __init__(self, spec: ReadSpec, sha256: str, parts: "RowParts") -> None:
        self.spec, self.sha256, self.parts = spec, sha256, parts
        self.n_rows = self.n_written = 0
        self.rejected: list[RejectedRow] = []
        self.extra: set[str] = set()

    def count(self, n_rows: int) -> None:
        """Counts rows that were seen in the file, whatever becomes of them.

        Raises:
            FileRefused: They are more than the limit.
        """
        self.n_rows += n_rows
        if self.n_rows > self.spec.limits.n_rows:
            raise FileRefused("rows", f"more than {self.spec.limits.n_rows} rows")

    def reject(self, line: int, rule: str, reason: str, position: str = "") -> None:
        if len(self.rejected) >= MAX_REJECTED:
            raise FileRefused("rejected rows", f"more than {MAX_REJECTED} rows cannot be read")
        self.rejected.append(RejectedRow(line, rule, reason, position))

    def reject_too_large(self, line: int) -> None:
        self.reject(line, "field size", f"a value of more than {self.spec.limits.field_bytes} bytes")

    def write(
        self, lines: Sequence[int], columns: Sequence[Sequence[str | bytes | None]], *, look_for_nul: bool
    ) -> None:
        """Writes rows, given column by column in the order of the output after `_line`."""
        if look_for_nul and (bad := _rows_with_nul(columns)):
            for index in sorted(bad):
                self.reject(lines[index], "encoding", "a NUL character in a value")
            keep = [index not in bad for index in range(len(lines))]
            lines = list(compress(lines, keep))
            columns = [list(compress(column, keep)) for column in columns]
        if not lines:
            return
        self.parts.add(self.sha256, lines, columns)
        self.n_written += len(lines)


def _rows_with_nul(columns: Sequence[Sequence[str | bytes | None]]) -> Collection[int]:
    return {
        index
        for column in columns
        for index, value in enumerate(column)
        if value is not None and ("\0" in value if isinstance(value, str) else b"\0" in value)
    }
