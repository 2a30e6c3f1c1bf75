"""What a project says of a table of features: from which places of a log's records, and with which history."""

from collections.abc import Iterator
from typing import Self

from pydantic import Field, model_validator

from .base import Record
from .keys import AssetKey

LANDED_SEQ, SEEN_AT = "_landed_seq", "seen_at"
KNOWN_AT, LABEL_KNOWN_AT = "known_at", "label_known_at"
# The one relation that the SQL of features can read.
RECORDS = "records"
OWN_COLUMNS = (LANDED_SEQ, SEEN_AT, LABEL_KNOWN_AT)
# What names of columns that stand beside the project's while it is worked with begin with.
RESERVED = "__"


class History(Record):
    """How often examples of earlier days had the same value of `by`, and how often each listed class of a label.

    The counts are columns: `n_by_vendor`, and `n_by_vendor_status_open` for `of: {status: [open]}`.
    """

    by: str = Field(min_length=1)
    of: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    @property
    def total(self) -> str:
        return f"n_by_{self.by}"

    @property
    def counts(self) -> tuple[tuple[str, str, str], ...]:
        """The name of each further column, with the label and the class that it counts."""
        return tuple(
            (f"{self.total}_{label}_{name}", label, name) for label, names in self.of.items() for name in names
        )

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.total, *(column for column, _, _ in self.counts))


class FeatureOptions(Record):
    """One row for each key of a log, made from one landed record each.

    `record` is the log's column that holds JSON. `seen_at` is SQL over the log's other columns: when the record came,
    as a TIMESTAMP. Values are taken from `paths` alone, each at or below a path of `allow`. `sql`, `labels` and
    `examples` are files beside the component: the features of each record; the labels, with since when they are
    known; and which record is the example of a key, by default its first.
    """

    log: AssetKey
    record: str = "record"
    key: tuple[str, ...] = Field(min_length=1)
    seen_at: str
    allow: tuple[str, ...] = Field(min_length=1)
    paths: dict[str, str] = Field(min_length=1)
    sql: str
    labels: str | None = None
    examples: str | None = None
    history: tuple[History, ...] = ()

    @model_validator(mode="after")
    def _names_stand_beside_each_other(self) -> Self:
        seen: set[str] = set()
        for name in self._names():
            # Names of columns are compared without regard to case.
            if name.lower() in seen:
                raise ValueError(f"the column {name!r} is there twice, or is one that the platform makes")
            if name.startswith(RESERVED):
                raise ValueError(f"the column {name!r} begins with {RESERVED}, as columns of the platform do")
            seen.add(name.lower())
        return self

    @model_validator(mode="after")
    def _history_is_of_labels(self) -> Self:
        if self.history and self.labels is None:
            raise ValueError("`history` counts labelled examples: name the file of `labels`")
        for history in self.history:
            for label, classes in history.of.items():
                if not classes or len(set(classes)) < len(classes):
                    raise ValueError(f"`history` by {history.by!r}: list each class of {label!r} once, at least one")
        return self

    def _names(self) -> Iterator[str]:
        yield from OWN_COLUMNS
        yield from self.key
        yield from self.paths
        yield from self.history_columns

    @property
    def history_columns(self) -> tuple[str, ...]:
        return tuple(column for history in self.history for column in history.columns)
