"""The slices of a table: how a declared column cuts it, what a slice was made from, and which days there are."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from enum import StrEnum

from pydantic import Field, field_validator, model_validator

from .base import Record, sha256_of
from .keys import AssetKey


class Unit(StrEnum):
    """DAY and MONTH cut a column of dates, a month being called by its first day; VALUE a text, by listed values."""

    DAY = "day"
    MONTH = "month"
    VALUE = "value"


class SliceOfParent(Record):
    """Which of a parent's rows a slice is made from: those that `by`, SQL over the parent's columns, puts into it.

    With `until` also those of all slices before it.
    """

    by: str = Field(min_length=1)
    until: bool = False


class Partition(Record):
    """`by` is a column of the table itself; its values are the slices' names: dates, or texts for `unit: value`.

    `reads` says for parents which of their rows a slice is made from; a parent that it does not name is read whole, so
    that any change of it makes every slice anew. `per_run` is how many slices one candidate replaces at most.
    """

    by: str = Field(min_length=1)
    unit: Unit = Unit.DAY
    start: date | None = None
    values: tuple[str, ...] = ()
    reads: dict[AssetKey, SliceOfParent] = Field(default_factory=dict)
    per_run: int = Field(default=10, ge=1, le=1000)

    @field_validator("reads", mode="before")
    @classmethod
    def _short_form(cls, said: object) -> object:
        """`parent: column` is short for `parent: {by: column}`."""
        if not isinstance(said, Mapping):
            return said
        return {parent: {"by": how} if isinstance(how, str) else how for parent, how in said.items()}

    @model_validator(mode="after")
    def _is_whole(self) -> "Partition":
        if self.unit is Unit.VALUE:
            if not self.values or self.start is not None:
                raise ValueError("`unit: value` needs `values: […]`, and no `start`")
            if len(set(self.values)) < len(self.values) or not all(self.values):
                raise ValueError("`values` must be texts, each listed once")
            if any(parent.until for parent in self.reads.values()):
                raise ValueError("`until: true` needs an order: values have none, days and months do")
        elif self.start is None or self.values:
            raise ValueError(f"`unit: {self.unit}` needs `start: YYYY-MM-DD`, and no `values`")
        elif self.unit is Unit.MONTH and self.start.day != 1:
            raise ValueError(f"`start` must be the first of a month, not {self.start}")
        return self

    @property
    def column_type(self) -> str:
        """The type that the column must have, as DuckDB calls it."""
        return "VARCHAR" if self.unit is Unit.VALUE else "DATE"

    def names(self, today: date) -> tuple[str, ...]:
        """Returns every slice that there can be, in order: up to today's, which counts."""
        return self.values if self.unit is Unit.VALUE else tuple(self._dates(today))

    def _dates(self, today: date) -> Iterator[str]:
        assert self.start is not None
        current = self.start
        while current <= today:
            yield current.isoformat()
            following = current + timedelta(days=1 if self.unit is Unit.DAY else 32)
            current = following if self.unit is Unit.DAY else following.replace(day=1)

    def name_sql(self, expression: str) -> str:
        """Returns SQL that gives the name of the slice that a value belongs to, NULL where it belongs to none."""
        match self.unit:
            case Unit.DAY:
                return f"CAST(CAST(({expression}) AS DATE) AS VARCHAR)"
            case Unit.MONTH:
                return f"CAST(CAST(date_trunc('month', CAST(({expression}) AS DATE)) AS DATE) AS VARCHAR)"
            case Unit.VALUE:
                return f"CAST(({expression}) AS VARCHAR)"


class Slice(Record):
    """A slice as it was built: `inputs` stands for what it was made from, `fingerprint` for that and all code."""

    name: str
    inputs: str
    fingerprint: str
    data_version: str
    n_rows: int


def slices_fingerprint(slices: Sequence[Slice]) -> str:
    """Returns the fingerprint of a candidate that holds these slices; that of a single one is the slice's own."""
    if len(slices) == 1:
        return slices[0].fingerprint
    return sha256_of(sorted([item.name, item.fingerprint] for item in slices))


def names_in_words(names: Sequence[str]) -> str:
    """Returns `2024-05-01`, or `3 slices: 2024-05-01, …, 2024-05-03`."""
    if len(names) == 1:
        return names[0]
    listed = ", ".join(names) if len(names) <= 3 else f"{names[0]}, …, {names[-1]}"
    return f"{len(names)} slices: {listed}"
