"""The judgement of a candidate, sealed to exactly what was judged."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from .base import Record
from .candidates import Manifest
from .findings import Finding, Severity
from .keys import AgentName, AssetKey, CandidateId

VERDICT = "verdict.json"


class Decision(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"
    ESCALATE = "escalate"


class Seal(Record):
    """What a verdict holds for, and nothing else: any difference voids it.

    `manifest` is the sha256 of the candidate's manifest, which lists the sha256 of every file, the
    base, the parents as read and the code version.
    """

    manifest: str
    contract: str
    producer_permissions: str
    auditor_permissions: str


class Verdict(Record):
    candidate: CandidateId
    asset: AssetKey
    decision: Decision
    auditor: AgentName
    seal: Seal
    findings: tuple[Finding, ...]
    audited_at: datetime

    @property
    def blocking(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.blocks)


class Approval(Record):
    """A person's answer to an escalation, sealed to one verdict and so to one candidate.

    `verdict` is the sha256 of the verdict that escalates; `approver` is a person's principal.
    """

    candidate: CandidateId
    verdict: str
    approver: AgentName = Field(pattern=r"^person:.")
    reason: str = Field(min_length=1)
    approved_at: datetime

    def answers(self, verdict: Verdict) -> bool:
        """Whether this is the answer to that very verdict."""
        return self.candidate == verdict.candidate and self.verdict == verdict.digest()


def seal_of(manifest: Manifest, producer_permissions: str, auditor_permissions: str, *, contract: str = "") -> Seal:
    """Returns the seal for a candidate judged under these permissions.

    Args:
        contract: The hash of the contract that it was judged under, where that is not the one it was built under.
    """
    return Seal(
        manifest=manifest.digest(),
        contract=contract or manifest.contract_hash,
        producer_permissions=producer_permissions,
        auditor_permissions=auditor_permissions,
    )


def decide(findings: tuple[Finding, ...], required: frozenset[str]) -> Decision:
    """Returns what the findings amount to.

    Nothing found is a rejection: an audit that did not run approves nothing. So is a required
    check without a finding.
    """
    if not findings or required - {finding.check for finding in findings}:
        return Decision.REJECT
    failed = {finding.severity for finding in findings if not finding.passed}
    if Severity.ERROR in failed:
        return Decision.REJECT
    return Decision.ESCALATE if Severity.ESCALATE in failed else Decision.APPROVE
