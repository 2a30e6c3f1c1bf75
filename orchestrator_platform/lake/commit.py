"""What becomes true in one snapshot: candidates with the verdicts that let them in, and what is noted beside them."""

from dataclasses import dataclass
from pathlib import Path

from ..errors import SealBroken
from ..records.candidates import FileRole, Manifest
from ..records.events import Event
from ..records.keys import AgentName
from ..records.ledger import LedgerEntry, QuarantineEntry, RowAddress
from ..records.receipts import Receipt
from ..records.replays import Replay
from ..records.retractions import Release, Retraction
from ..records.verdicts import Approval, Decision, Verdict
from .compacting import Compacted
from .restoring import Restored


@dataclass(frozen=True)
class Approved:
    """A candidate with the verdict that lets it in, its files put in place, and the receipt to be.

    A verdict that escalates lets it in only together with a person's answer to it.
    """

    manifest: Manifest
    verdict: Verdict
    placed: tuple[tuple[Path, FileRole], ...]
    receipt: Receipt
    approval: Approval | None = None

    def files(self, role: FileRole) -> tuple[Path, ...]:
        return tuple(path for path, placed_role in self.placed if placed_role is role)


@dataclass(frozen=True)
class Quarantined:
    """An entry with its rows' addresses; `by` is the agent that puts a candidate aside."""

    entry: QuarantineEntry
    rows: tuple[RowAddress, ...] = ()
    by: AgentName | None = None


@dataclass(frozen=True)
class RowsReplayed:
    """Rows that come out of an entry of the quarantine, by file, and the addresses that those files keep there."""

    entry: int
    replays: tuple[Replay, ...]
    left: tuple[RowAddress, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(sorted({item.file_sha256 for item in self.replays}))


@dataclass(frozen=True)
class Commit:
    """Everything that becomes true in one snapshot. The first event names the snapshot.

    `retractions`, where given, are all that is taken back afterwards; `settled` are entries as they stand then.
    """

    events: tuple[Event, ...]
    approved: tuple[Approved, ...] = ()
    restored: tuple[Restored, ...] = ()
    ledger: tuple[LedgerEntry, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    settled: tuple[QuarantineEntry, ...] = ()
    replayed: tuple[RowsReplayed, ...] = ()
    retractions: tuple[Retraction, ...] | None = None
    releases: tuple[Release, ...] = ()
    compacted: tuple[Compacted, ...] = ()

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        return (*(item.receipt for item in self.approved), *(item.receipt for item in self.restored))


def require_verdict(approved: Approved) -> None:
    """Refuses a candidate that its verdict does not let in.

    Raises:
        SealBroken: The verdict rejects it, or is of something else.
    """
    verdict, manifest = approved.verdict, approved.manifest
    asked = verdict.decision is Decision.ESCALATE and approved.approval is not None
    if verdict.decision is not Decision.APPROVE and not asked:
        raise SealBroken(asset=manifest.asset, what="the decision", sealed="approve", found=verdict.decision)
    if verdict.candidate != manifest.id:
        raise SealBroken(asset=manifest.asset, what="the candidate", sealed=verdict.candidate, found=manifest.id)
    if verdict.seal.manifest != manifest.digest():
        raise SealBroken(
            asset=manifest.asset, what="the manifest", sealed=verdict.seal.manifest, found=manifest.digest()
        )
    if approved.approval is not None and not approved.approval.answers(verdict):
        raise SealBroken(
            asset=manifest.asset, what="the verdict", sealed=approved.approval.verdict, found=verdict.digest()
        )
