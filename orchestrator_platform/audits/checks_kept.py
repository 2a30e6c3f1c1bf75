"""Whether every check that the served version passed is still made: a check turned off must not go unseen."""

from collections.abc import Iterator, Mapping, Sequence

from ..records.declarations import FreeCheck
from ..records.findings import Finding, Severity
from ..transforming.dbt_project import DbtTest
from .candidate_view import CandidateView
from .dbt_checks import test_check_names

CHECKS_KEPT = "checks_kept"
# What a sample's first version was let in by: no project has it.
SAMPLED = "sampled"


def check_checks_kept(
    view: CandidateView, checks: Sequence[str], tests: Sequence[DbtTest], own: Sequence[FreeCheck]
) -> Finding:
    """Returns a warning that names what was removed or rewritten, or tolerates other rows, since the served version.

    `own` are the checks that the project brings along besides dbt's `tests`; what a rewritten one still finds is for a
    person to read.
    """
    names = test_check_names(tests)
    limits = {names[test.unique_id]: test.limit for test in tests}
    code = {check.name: check.code_version for check in own}
    code |= {names[test.unique_id]: test.code_version for test in tests}
    changed = list(_changed(view, checks, limits, code))
    since = view.base_receipt.version if view.base_receipt else None
    return Finding(
        asset=view.asset,
        check=CHECKS_KEPT,
        passed=not changed,
        severity=Severity.WARN,
        measured=len(changed),
        limit=0,
        engine="python",
        message=f"since version {since}: {'; '.join(changed)}"[:2000] if changed else "every check is still made",
    )


def _changed(
    view: CandidateView, checks: Sequence[str], limits: Mapping[str, str | int], code: Mapping[str, str]
) -> Iterator[str]:
    for finding in view.base_receipt.findings if view.base_receipt else ():
        if finding.check == SAMPLED:
            continue
        if finding.check not in checks:
            yield f"check removed: {finding.check}"
        elif finding.check in limits and finding.limit != limits[finding.check]:
            yield f"{finding.check} had the limit {finding.limit!s} and has {limits[finding.check]!s}"
        elif finding.code_version and finding.code_version != code.get(finding.check):
            yield f"check rewritten: {finding.check}"
