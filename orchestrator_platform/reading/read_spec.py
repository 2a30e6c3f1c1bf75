"""What the reading process is told: plain values that travel as JSON. It must start fast, so no pydantic here."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Self

from .json_paths import Step


@dataclass(frozen=True)
class FileSpec:
    path: str
    name: str
    sha256: str


@dataclass(frozen=True)
class ColumnSpec:
    """A column of the output and the steps that lead to its value in a record."""

    name: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class LimitSpec:
    memory_mb: int
    timeout_seconds: float
    size_bytes: int
    n_rows: int
    field_bytes: int


@dataclass(frozen=True)
class CsvSpec:
    delimiter: str
    quote: str
    encoding: str
    null_values: tuple[str, ...]


@dataclass(frozen=True)
class ReadSpec:
    """`task` is `read` or `count`; `first_part` numbers the first output file."""

    task: str
    files: tuple[FileSpec, ...]
    columns: tuple[ColumnSpec, ...]
    record_column: str | None
    keep_extra: bool
    format: str | None
    csv: CsvSpec
    limits: LimitSpec
    output: str
    first_part: int = 1

    @property
    def known_keys(self) -> frozenset[str]:
        """The top-level keys that the columns are taken from."""
        return frozenset(str(column.steps[0]) for column in self.columns)

    @property
    def watches_extra(self) -> bool:
        """Whether a key of a JSON record that no column is taken from would be lost unless it is kept aside."""
        return self.record_column is None

    def to_json(self) -> str:
        # The standard library's writer: it escapes file names that are no UTF-8, and reads them back.
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        values: dict[str, Any] = json.loads(text)
        values["files"] = tuple(FileSpec(**file) for file in values["files"])
        values["columns"] = tuple(ColumnSpec(c["name"], tuple(c["steps"])) for c in values["columns"])
        values["csv"] = CsvSpec(**{**values["csv"], "null_values": tuple(values["csv"]["null_values"])})
        values["limits"] = LimitSpec(**values["limits"])
        return cls(**values)
