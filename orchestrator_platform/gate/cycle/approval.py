"""Publishes what a person approved: an escalated candidate goes through the gate as if its auditor had let it in."""

from dataclasses import dataclass, replace

import duckdb

from ...authority.acts import Act
from ...authority.permissions import Person, agent_alike, require
from ...errors import CandidateDamaged, NotApprovable, NotPermitted, SealBroken
from ...records.candidates import Manifest
from ...records.declarations import AssetDeclaration
from ...records.events import Event
from ...records.ledger import QuarantineEntry, QuarantineKind, QuarantineState
from ...records.receipts import Receipt
from ...records.verdicts import VERDICT, Approval, Decision, Verdict
from ..context import Gate
from .accounts import publish_waiting
from .order import judged_in
from .waiting import (
    check_seal_now,
    find_entry,
    group_beside,
    last_audit,
    load_as_audited,
    make_again,
    require_on_head,
    require_waiting,
)


@dataclass(frozen=True)
class Escalation:
    """A candidate that waits for a person, the verdict that asks, and the declaration in force."""

    entry: QuarantineEntry
    manifest: Manifest
    verdict: Verdict
    declaration: AssetDeclaration


def find_escalation(gate: Gate, number: int) -> Escalation:
    """Returns what waits under this number in quarantine, if a person can approve it.

    Raises:
        Misuse: There is no such entry.
        NotApprovable: It is nothing that an approval could publish.
        AlreadySettled: It does not wait any more.
        BaseMoved: Another version serves than the one it was built on.
        CandidateDamaged: Its files are not what was judged.
        SealBroken: Its verdict does not hold any more, or is not the one that was given.
    """
    cut = gate.cut()
    connection = cut.connect()
    try:
        entry = find_entry(connection, number)
        declaration = _approvable(gate, entry)
        _check_escalated(connection, entry)
        manifest = load_as_audited(connection, gate.settings.home.candidates, declaration, entry)
        found = Escalation(entry, manifest, _load_verdict(gate, declaration, entry), declaration)
        _check_verdict(connection, found)
        require_on_head(cut, declaration, manifest)
        # Asked again under the lock; here so that a dry run says the same.
        check_seal_now(gate, cut, connection, judged_in(gate, manifest, found.verdict))
        return found
    finally:
        connection.close()


def publish_approved(gate: Gate, found: Escalation, approver: Person, reason: str) -> Receipt:
    """Publishes the candidate with the person's answer, and settles its entry, in one snapshot.

    Raises:
        NotPermitted: The approver's name is an agent's, or the producer may not publish.
        AlreadySettled, BaseMoved, SealBroken, CandidateDamaged: As for `find_escalation`, under the lock.
    """
    manifest, verdict, producer = found.manifest, found.verdict, gate.principals[found.declaration.producer]
    require_no_agent(gate, approver)
    require(producer, Act.PUBLISH, manifest.asset, gate.seats, approved_by=approver)
    approval = Approval(
        candidate=manifest.id, verdict=verdict.digest(), approver=approver.name, reason=reason, approved_at=gate.now()
    )
    return publish_waiting(
        gate,
        found.entry,
        replace(judged_in(gate, manifest, verdict), approval=approval),
        (_event(gate, found, approval),),
        state=QuarantineState.APPROVED,
        reason=reason,
        on_behalf_of=approver.name,
    )


def require_no_agent(gate: Gate, approver: Person) -> None:
    """Raises NotPermitted where the person bears an agent's name: who approved must be beyond doubt."""
    name = agent_alike(approver.name)
    if name in gate.principals:
        raise NotPermitted(agent=name, act=Act.APPROVE, subject="anything", why="only a person can, and it is an agent")


def _approvable(gate: Gate, entry: QuarantineEntry) -> AssetDeclaration:
    if entry.kind is QuarantineKind.ROWS or entry.candidate is None:
        raise _refused(
            entry, "it holds rejected rows of landed files", f"Replay it: `orchestrator quarantine replay {entry.id}`."
        )
    require_waiting(entry)
    declaration = gate.assets.get(entry.asset)
    if declaration is None:
        raise _refused(entry, "the project does not declare it any more", "Declare it again, then build it.")
    beside = group_beside(gate, declaration)
    if beside:
        why = f"it is published together with {', '.join(beside[:5])} or not at all, and those do not wait with it"
        raise _refused(entry, why, "Let its check warn, or take `atomic` from the group, then build again.")
    return declaration


def _refused(entry: QuarantineEntry, why: str, fix: str) -> NotApprovable:
    return NotApprovable(number=entry.id, asset=entry.asset, why=why, fix=fix)


def _check_escalated(connection: duckdb.DuckDBPyConnection, entry: QuarantineEntry) -> None:
    assert entry.candidate is not None
    given = last_audit(connection, entry.candidate)
    if given is None or given.outcome != Decision.ESCALATE:
        said = given.outcome if given else "unknown"
        fix = "Mend the data, the code or the contract, then build again."
        raise _refused(entry, f"its verdict is {said}, and a person can only answer one that escalates", fix)


def _load_verdict(gate: Gate, declaration: AssetDeclaration, entry: QuarantineEntry) -> Verdict:
    assert entry.candidate is not None
    try:
        return Verdict.model_validate_json((gate.settings.home.candidates / entry.candidate / VERDICT).read_bytes())
    except (OSError, ValueError) as error:
        problem, again = f"cannot be read ({error})", make_again(declaration, anew=True)
        raise CandidateDamaged(candidate=entry.candidate, file=VERDICT, problem=problem, again=again) from error


def _check_verdict(connection: duckdb.DuckDBPyConnection, found: Escalation) -> None:
    given = last_audit(connection, found.manifest.id)
    sealed, now = str(given.details.get("verdict")) if given else "never given", found.verdict.digest()
    if sealed != now:
        again = make_again(found.declaration, anew=True)
        raise SealBroken(asset=found.manifest.asset, what="the verdict", sealed=sealed, found=now, again=again)


def _event(gate: Gate, found: Escalation, approval: Approval) -> Event:
    return Event(
        id=gate.new_id(),
        at=approval.approved_at,
        agent=approval.approver,
        act=Act.APPROVE,
        subject=found.manifest.asset,
        outcome="approved",
        reason=approval.reason,
        inputs={"candidate": approval.candidate, "verdict": approval.verdict, "quarantine": found.entry.id},
    )
