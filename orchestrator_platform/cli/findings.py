"""Findings as text: what each check measured against its limit, and the rows that failed it."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .json_text import json_text
from .text import count, shorten, table, visible

if TYPE_CHECKING:
    from ..records.findings import Finding

_HEADERS = ("check", "passed", "severity", "measured", "limit", "failing rows", "engine")
_SAMPLE_WIDTH = 200


def findings_table(findings: "Sequence[Finding]") -> str:
    """Returns a line per finding, failed ones first."""
    ordered = sorted(findings, key=lambda finding: finding.passed)
    return table(_HEADERS, [_row(finding) for finding in ordered], right=(3, 4, 5))


def failure_lines(findings: "Sequence[Finding]") -> Iterator[str]:
    """Yields for every failed finding its message and its sample of failing rows."""
    for finding in findings:
        if finding.passed:
            continue
        yield f"{visible(finding.check)}: {visible(finding.message) or 'failed'}"
        yield from (f"  {shorten(json_text(row), _SAMPLE_WIDTH)}" for row in finding.sample)


def _row(finding: "Finding") -> tuple[object, ...]:
    return (
        finding.check,
        "yes" if finding.passed else "no",
        finding.severity,
        finding.measured,
        finding.limit,
        count(finding.n_failing),
        finding.engine,
    )
