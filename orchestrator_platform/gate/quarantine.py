"""What waits in quarantine: rejected rows by address, rejected candidates by folder."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from ..records.candidates import Manifest
from ..records.findings import Finding
from ..records.keys import AssetKey
from ..records.ledger import QuarantineEntry, QuarantineKind, QuarantineState, RowAddress
from ..records.retractions import Retraction
from ..records.verdicts import Decision, Verdict

_LET_IN = (QuarantineState.REPLAYED, QuarantineState.APPROVED)


def quarantine_rows(
    id_: int, asset: AssetKey, addresses: Sequence[RowAddress], n_rows: int, now: datetime
) -> QuarantineEntry:
    """Returns the entry for the rejected rows of one landing; `n_rows` counts rows, not reasons."""
    return QuarantineEntry(
        id=id_,
        kind=QuarantineKind.ROWS,
        asset=asset,
        n_rows=n_rows,
        reasons=dict(Counter(address.rule for address in addresses)),
        since=now,
    )


def quarantine_candidate(id_: int, manifest: Manifest, verdict: Verdict, now: datetime) -> QuarantineEntry:
    """Returns the entry for a rejected or escalated candidate, with its findings as reasons."""
    return QuarantineEntry(
        id=id_,
        kind=QuarantineKind.CANDIDATE,
        asset=manifest.asset,
        candidate=manifest.id,
        fingerprint=manifest.fingerprint,
        n_rows=manifest.n_rows,
        reasons={finding.check: finding.n_failing for finding in verdict.findings if counts(finding, verdict.decision)},
        since=now,
    )


def counts(finding: Finding, decision: Decision) -> bool:
    """Whether a finding is a reason for the decision."""
    return finding.blocks if decision is Decision.REJECT else not finding.passed


def rejected_fingerprints(entries: Iterable[QuarantineEntry]) -> frozenset[tuple[AssetKey, str]]:
    """Returns (asset, fingerprint) of every candidate that was rejected, and not replayed or approved since."""
    return frozenset(
        (entry.asset, entry.fingerprint)
        for entry in entries
        if entry.kind is QuarantineKind.CANDIDATE and entry.state not in _LET_IN
    )


def retracted_fingerprints(retractions: Iterable[Retraction]) -> frozenset[tuple[AssetKey, str]]:
    """Returns (asset, fingerprint) of every version that was taken back itself.

    What was retracted because of a parent comes back only if the parent's content does, and is then right.
    """
    return frozenset((item.asset, item.fingerprint) for item in retractions if item.is_direct)


def describe_finding(finding: Finding) -> str:
    """Returns `unique_order_id, 3 failing rows: …`, with what was measured and its limit where that says more."""
    rows = f"{finding.n_failing} failing row{'' if finding.n_failing == 1 else 's'}" if finding.n_failing else "failed"
    counted = finding.n_failing > 0 and (finding.measured, finding.limit) == (finding.n_failing, 0)
    told = finding.measured is not None and not counted
    bounds = f" (measured {finding.measured}, limit {finding.limit})" if told else ""
    said = f": {finding.message}" if finding.message else ""
    return f"{finding.check}, {rows}{bounds}{said}"
