"""What differs between two states of one table: schema, rows, columns, and a few rows of each kind."""

from enum import StrEnum
from typing import Any

from .base import Record
from .keys import AssetKey, Version

ROWS_SHOWN = 10


class Way(StrEnum):
    """How a difference was found. The answer does not depend on it.

    SAME: both states have one data version. FILES: from the files that one state has and the other has
    not. KEYS: both states whole, joined by key. ROWS: both states whole, row by row.
    """

    SAME = "same"
    FILES = "files"
    KEYS = "keys"
    ROWS = "rows"


class DiffSide(Record):
    """A state of the table: a version, the candidate of a quarantine entry, or neither: the state before the first."""

    version: Version | None = None
    candidate: int | None = None
    n_rows: int = 0

    @property
    def name(self) -> str:
        if self.candidate is not None:
            return f"candidate {self.candidate}"
        return f"version {self.version}" if self.version is not None else "nothing"


class SchemaChange(Record):
    """A column that only one state has, or that has another type in each; `None` is where it is not."""

    column: str
    before: str | None
    after: str | None

    @property
    def verb(self) -> str:
        if self.before is None:
            return "added"
        return "dropped" if self.after is None else "retyped"


class ColumnValues(Record):
    """What one column holds in the rows that differ. `lowest` and `highest` as text, of numbers and times only."""

    n_null: int
    n_distinct: int
    lowest: str | None = None
    highest: str | None = None


class ColumnDiff(Record):
    """A column that both states have. `n_changed` counts the rows of one key in which it differs.

    `before` is over the rows removed and the changed rows as they were, `after` over the rows added
    and the changed rows as they are.
    """

    name: str
    type: str
    n_changed: int
    before: ColumnValues
    after: ColumnValues


class ChangedRow(Record):
    """One key in both states, with the columns that differ."""

    key: dict[str, Any]
    before: dict[str, Any]
    after: dict[str, Any]


class TableDiff(Record):
    """`after` against `before`. `grain` is the key by which rows were paired; empty where whole rows were compared.

    Rows count as often as they occur. Values are texts of bounded length, personal data is masked.
    """

    asset: AssetKey
    before: DiffSide
    after: DiffSide
    grain: tuple[str, ...]
    way: Way
    n_added: int
    n_removed: int
    n_changed: int
    schema_changes: tuple[SchemaChange, ...]
    columns: tuple[ColumnDiff, ...]
    added: tuple[dict[str, Any], ...]
    removed: tuple[dict[str, Any], ...]
    changed: tuple[ChangedRow, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.n_added or self.n_removed or self.n_changed or self.schema_changes)
