"""A person's answer to an escalation: the use case behind `orchestrator approve`."""

from dataclasses import dataclass

from ..errors import Misuse
from ..gate.context import Gate
from ..gate.cycle.approval import Escalation, find_escalation, publish_approved
from ..records.findings import Finding
from ..records.keys import AgentName, AssetKey, Version
from ..records.receipts import Receipt
from .deciding import require_person
from .projections import project
from .storing import stores


@dataclass(frozen=True)
class ApprovalPlan:
    """What an approval would publish, and the findings that it would be the answer to."""

    number: int
    asset: AssetKey
    candidate: str
    base_version: Version | None
    n_rows: int
    approver: AgentName
    asked: tuple[Finding, ...]


@dataclass(frozen=True)
class Approved:
    """What a person let in; `receipt` names the approver and the reason."""

    number: int
    receipt: Receipt


def plan_approval(gate: Gate, number: int, *, approver: str) -> ApprovalPlan:
    """Returns what `approve` would publish, without publishing it.

    Raises:
        OrchestratorError: As for `approve`.
    """
    person_ = require_person(gate, approver)
    found = find_escalation(gate, number)
    manifest = found.manifest
    return ApprovalPlan(
        number=number,
        asset=manifest.asset,
        candidate=manifest.id,
        base_version=manifest.base_version,
        n_rows=manifest.n_rows,
        approver=person_.name,
        asked=_asked(found),
    )


@stores
def approve(gate: Gate, number: int, *, approver: str, reason: str) -> Approved:
    """Publishes the escalated candidate that waits under this number in quarantine.

    The approval holds for the verdict that asked and the candidate that was judged, and for nothing
    else. What stands on the asset is built by the next build.

    Raises:
        Misuse: There is no such entry, no reason was given, or the name is no person's.
        NotPermitted: The approver is an agent.
        NotApprovable: The entry is nothing that an approval could publish.
        AlreadySettled: The entry does not wait any more.
        BaseMoved: Another version came first.
        CandidateDamaged: The candidate's files are not what was judged.
        SealBroken: The verdict does not hold any more.
    """
    if not reason.strip():
        raise Misuse(
            f"An approval needs a reason. Nothing was published. Say it: `orchestrator approve {number} --why TEXT`."
        )
    person_ = require_person(gate, approver)
    receipt = publish_approved(gate, find_escalation(gate, number), person_, reason.strip())
    project(gate)
    return Approved(number, receipt)


def _asked(found: Escalation) -> tuple[Finding, ...]:
    return tuple(finding for finding in found.verdict.findings if not finding.passed)
