"""One result of one check on one candidate."""

from enum import StrEnum
from typing import Any

from .base import Record
from .keys import AssetKey

SAMPLE_LIMIT = 10
VALUE_LIMIT = 200
MASK = "•••"


class Severity(StrEnum):
    """ERROR blocks a publication; WARN is recorded; ESCALATE asks a person."""

    ERROR = "error"
    ESCALATE = "escalate"
    WARN = "warn"


class Finding(Record):
    """What a check measured against its limit.

    `sample` holds at most SAMPLE_LIMIT failing rows, values as text of at most VALUE_LIMIT characters,
    personal data as MASK. `engine` says what evaluated the check: sql, pandas, dbt or python; `code_version`
    is the hash of a check that the project brings along.
    """

    asset: AssetKey
    check: str
    passed: bool
    severity: Severity = Severity.ERROR
    measured: float | int | str | None = None
    limit: float | int | str | None = None
    n_failing: int = 0
    sample: tuple[dict[str, Any], ...] = ()
    engine: str = "sql"
    message: str = ""
    code_version: str = ""

    @property
    def blocks(self) -> bool:
        return not self.passed and self.severity is Severity.ERROR
