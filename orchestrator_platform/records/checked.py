"""What became of checks, one by one, for machines that show them beside a change: by subject, with file and line."""

from collections.abc import Iterable
from enum import StrEnum

from .base import Record
from .findings import Finding, Severity
from .keys import AssetKey


class CaseState(StrEnum):
    """FAILED is a no, WARNED is none. ALLOWED would be one, and a person lets it pass. SKIPPED was not asked."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"
    ALLOWED = "allowed"
    SKIPPED = "skipped"


class Case(Record):
    """One check of one subject, an asset or `project`; `file` and `line` say where in the project it is written."""

    subject: str
    check: str
    state: CaseState
    message: str = ""
    measured: float | int | str | None = None
    limit: float | int | str | None = None
    n_failing: int = 0
    file: str = ""
    line: int | None = None

    @property
    def place(self) -> str:
        """Returns `file:line`, the file alone where no line is known, or nothing."""
        return f"{self.file}:{self.line}" if self.line is not None else self.file


class AssetChange(Record):
    """What a branch changes of an asset: that it is new or removed, or its code, contract, checks, parents."""

    asset: AssetKey
    what: tuple[str, ...]


def state_of(finding: Finding) -> CaseState:
    """Returns how a finding counts; one that asks a person is no yes."""
    if finding.passed:
        return CaseState.PASSED
    return CaseState.WARNED if finding.severity is Severity.WARN else CaseState.FAILED


def any_failed(cases: Iterable[Case]) -> bool:
    """Returns whether one of them is a no."""
    return any(case.state is CaseState.FAILED for case in cases)
