"""Says in one text what an asset's run did not achieve: what failed, by how much, what serves, where to look."""

from collections.abc import Iterator, Mapping, Sequence

from ..errors import CandidateRejected
from ..gate.context import Gate
from ..gate.outcomes import Escalated, Failed, Held, Outcome, Published, Rejected, Unchanged, Waiting, Withheld
from ..gate.quarantine import describe_finding
from ..operations.audit import pending_candidate
from ..operations.served import Served
from ..records.findings import Finding
from ..records.keys import AssetKey


def explain_shortfalls(gate: Gate, outcomes: Sequence[Outcome], served: Mapping[AssetKey, Served]) -> tuple[str, ...]:
    """Returns one text per asset that does not serve what was asked for; none where all do."""
    texts = (_explain(gate, outcome, served[outcome.asset]) for outcome in outcomes)
    missing = (_lost_checks(gate, outcome) for outcome in outcomes)
    return tuple(text for text in (*texts, *missing) if text)


def _explain(gate: Gate, outcome: Outcome, served: Served) -> str:  # noqa: PLR0911 - one for each outcome
    asset, serves = outcome.asset, served.says
    match outcome:
        case Rejected():
            return _rejected(outcome, serves)
        case Escalated():
            asked = "; ".join(describe_finding(f) for f in outcome.verdict.findings if not f.passed)
            return (
                f"{asset} waits for a person: {asked}. Nothing was published; {serves}."
                f" Look: `orchestrator quarantine show {outcome.quarantine}`;"
                f" approve: `orchestrator approve {outcome.quarantine} --why TEXT`."
            )
        case Withheld():
            because = ", ".join(outcome.because_of)
            return f"{asset} was withheld because {because} was not published. Nothing was published; {serves}."
        case Held():
            return _held(gate, outcome, serves)
        case Waiting():
            return f"{asset} waits: {outcome.why}. Nothing was built; {serves}. Materialize what it waits for first."
        case Failed():
            return f"{asset} could not be built: {outcome.message}. Nothing was published; {serves}."
        case Unchanged() if served.receipt is None:
            return f"{asset} has no version and nothing was published: {outcome.why}. Look: `orchestrator ledger`."
        case Published() | Unchanged():
            return ""


def _rejected(outcome: Rejected, serves: str) -> str:
    blocking = [describe_finding(finding) for finding in outcome.verdict.findings if finding.blocks]
    summary = "; ".join(blocking) or "its audit gave no finding"
    return str(CandidateRejected(asset=outcome.asset, summary=summary, serving=serves, quarantine=outcome.quarantine))


def _held(gate: Gate, outcome: Held, serves: str) -> str:
    pending = pending_candidate(gate, outcome.asset)
    look = f" Look: `orchestrator quarantine show {pending.entry.id}`." if pending else ""
    return f"{outcome.asset} was not built: {outcome.why}. Nothing was published; {serves}.{look}"


def _lost_checks(gate: Gate, outcome: Outcome) -> str:
    """An audit that lost a check is a defect of the platform, whatever the verdict says."""
    judged = _judged(outcome)
    if judged is None:
        return ""
    lost = sorted(set(gate.audit_plan(outcome.asset).checks) - {finding.check for finding in judged})
    return f"The audit of {outcome.asset} gave no finding for {', '.join(lost)}." if lost else ""


def _judged(outcome: Outcome) -> Sequence[Finding] | None:
    match outcome:
        case Published():
            return outcome.findings
        case Rejected() | Escalated():
            return outcome.verdict.findings
        case _:
            return None


def warnings_of(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yields what the auditors remarked on what was published all the same."""
    for outcome in outcomes:
        if isinstance(outcome, Published):
            for finding in outcome.findings:
                if not finding.passed:
                    yield f"{outcome.asset}: {describe_finding(finding)}"
