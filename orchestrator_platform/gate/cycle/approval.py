"""Publishes what a person approved: an escalated candidate goes through the gate as if its auditor had let it in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

import duckdb

from ...authority.acts import Act
from ...authority.permissions import Person, require
from ...errors import AlreadySettled, BaseMoved, CandidateDamaged, Misuse, NotApprovable, NotPermitted, SealBroken
from ...lake.history import read_events_of, read_quarantine, read_versions_of
from ...lake.published import PublishedCut, cut_published
from ...lake.writer import Quarantined
from ...reading.landing_files import find_landed_files
from ...records.candidates import FileRole, Manifest
from ...records.declarations import AssetDeclaration, SourceBuild
from ...records.events import Event
from ...records.ledger import FileState, LedgerEntry, QuarantineEntry, QuarantineKind, QuarantineState, RowAddress
from ...records.receipts import Receipt
from ...records.verdicts import Approval, Decision, Verdict
from ..candidate import load_manifest
from ..context import Gate
from ..intake import TakenFile, retire
from ..publish import Publication
from ..quarantine import quarantine_rows
from ..seal import check_seal, read_in_force
from .order import VERDICT, judged_in, publish_in, remove_candidate


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
    cut = cut_published(gate.layout, gate.settings.lock_timeout_seconds)
    connection = cut.connect()
    try:
        entry = next((entry for entry in read_quarantine(connection) if entry.id == number), None)
        if entry is None:
            raise Misuse(f"There is nothing numbered {number} in quarantine. Look: `orchestrator quarantine list`.")
        declaration = _approvable(gate, entry)
        _check_escalated(connection, entry)
        found = _load(gate, declaration, entry)
        _check_verdict(connection, found)
        _check_seal(gate, cut, connection, found)
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
    ledger, rejected = _accounts(gate.settings.home.candidates, manifest)
    n_rejected = sum(entry.n_quarantined for entry in ledger)
    rows = Quarantined(quarantine_rows(0, manifest.asset, rejected, n_rejected, gate.now()), rejected)
    done = publish_in(
        gate,
        Publication(
            judged=(replace(judged_in(gate, manifest, verdict), approval=approval),),
            agent=producer.name,
            reason=reason,
            on_behalf_of=approver.name,
            ledger=ledger,
            quarantined=(rows,) if rejected else (),
            events=(_event(gate, found, approval),),
            settled=((found.entry.id, QuarantineState.APPROVED),),
        ),
    )
    _retire(gate, found.declaration, ledger)
    remove_candidate(gate.settings.home.candidates, manifest.id)
    return done.receipts[0]


def require_no_agent(gate: Gate, approver: Person) -> None:
    """Raises NotPermitted where the person bears an agent's name: who approved must be beyond doubt."""
    name = approver.name.partition(":")[2]
    if name in gate.principals:
        raise NotPermitted(agent=name, act=Act.APPROVE, subject="anything", why="only a person can, and it is an agent")


def _approvable(gate: Gate, entry: QuarantineEntry) -> AssetDeclaration:
    if entry.kind is QuarantineKind.ROWS or entry.candidate is None:
        raise _refused(entry, "it holds rejected rows of landed files", "Land those rows in a corrected file.")
    if entry.state is not QuarantineState.WAITING:
        raise AlreadySettled(number=entry.id, state=entry.state)
    declaration = gate.assets.get(entry.asset)
    if declaration is None:
        raise _refused(entry, "the project does not declare it any more", "Declare it again, then build it.")
    beside = [
        other.key
        for other in gate.assets.values()
        if declaration.atomic is not None and other.atomic == declaration.atomic and other.key != entry.asset
    ]
    if beside:
        why = f"it is published together with {', '.join(beside[:5])} or not at all, and those do not wait with it"
        raise _refused(entry, why, "Let its check warn, or take `atomic` from the group, then build again.")
    return declaration


def _refused(entry: QuarantineEntry, why: str, fix: str) -> NotApprovable:
    return NotApprovable(number=entry.id, asset=entry.asset, why=why, fix=fix)


def _check_escalated(connection: duckdb.DuckDBPyConnection, entry: QuarantineEntry) -> None:
    """The verdict beside the candidate is a copy for people; what was decided stands in the lake."""
    assert entry.candidate is not None
    given = [event.outcome for event in read_events_of(connection, entry.candidate) if event.act == Act.AUDIT]
    if Decision.ESCALATE not in given:
        said = given[-1] if given else "unknown"
        fix = "Mend the data, the code or the contract, then build again."
        raise _refused(entry, f"its verdict is {said}, and a person can only answer one that escalates", fix)


def _load(gate: Gate, declaration: AssetDeclaration, entry: QuarantineEntry) -> Escalation:
    assert entry.candidate is not None
    candidates = gate.settings.home.candidates
    try:
        manifest = load_manifest(candidates, entry.candidate)
        verdict = Verdict.model_validate_json((candidates / entry.candidate / VERDICT).read_bytes())
    except CandidateDamaged as error:
        raise CandidateDamaged(
            candidate=error.candidate, file=error.file, problem=error.problem, again=_again(declaration, anew=True)
        ) from error
    except (OSError, ValueError) as error:
        problem = f"cannot be read ({error})"
        raise CandidateDamaged(
            candidate=entry.candidate, file=VERDICT, problem=problem, again=_again(declaration, anew=True)
        ) from error
    return Escalation(entry, manifest, verdict, declaration)


def _again(declaration: AssetDeclaration, *, anew: bool = False) -> str:
    """What brings another candidate; a table whose inputs are the same is built anew only where that is asked for."""
    build = declaration.build
    if isinstance(build, SourceBuild):
        return f"orchestrator land {build.name}"
    return f"orchestrator build{' --rebuild' if anew else ''} {declaration.key}"


def _check_verdict(connection: duckdb.DuckDBPyConnection, found: Escalation) -> None:
    manifest, verdict = found.manifest, found.verdict
    audits = [event for event in read_events_of(connection, manifest.id) if event.act == Act.AUDIT]
    given = audits[-1]
    for what, sealed, now in (
        ("the manifest", str(given.inputs.get("seal")), manifest.digest()),
        ("the verdict", str(given.details.get("verdict")), verdict.digest()),
    ):
        if sealed != now:
            again = _again(found.declaration, anew=True)
            raise SealBroken(asset=manifest.asset, what=what, sealed=sealed, found=now, again=again)


def _check_seal(gate: Gate, cut: PublishedCut, connection: duckdb.DuckDBPyConnection, found: Escalation) -> None:
    """Asks early what is asked again under the lock, so that a dry run says the same."""
    manifest, head = found.manifest, cut.heads.get(found.manifest.asset)
    served = head.version if head else None
    if manifest.base_version != served:
        raise BaseMoved(asset=manifest.asset, base=manifest.base_version, head=served, again=_again(found.declaration))
    judged = judged_in(gate, manifest, found.verdict)
    read = {parent.candidate for parent in manifest.parents if parent.candidate is not None}
    in_force = read_in_force(gate, (judged,))
    check_seal(judged, (judged,), cut.heads, in_force, read_versions_of(connection, read))


def _accounts(candidates: Path, manifest: Manifest) -> tuple[tuple[LedgerEntry, ...], tuple[RowAddress, ...]]:
    """What a raw candidate brings along; copies of earlier files were accounted for when it was put aside."""
    entries = [LedgerEntry.model_validate_json(line) for line in _lines(candidates, manifest, FileRole.LEDGER)]
    rejected = [RowAddress.model_validate_json(line) for line in _lines(candidates, manifest, FileRole.QUARANTINE)]
    fresh = {entry.file_sha256 for entry in entries if entry.state is not FileState.DUPLICATE}
    return tuple(entry for entry in entries if entry.file_sha256 in fresh), tuple(rejected)


def _lines(candidates: Path, manifest: Manifest, role: FileRole) -> list[str]:
    names = [file.name for file in manifest.files_of(role)]
    return [line for name in names for line in (candidates / manifest.id / name).read_text("utf-8").splitlines()]


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


def _retire(gate: Gate, declaration: AssetDeclaration, ledger: Sequence[LedgerEntry]) -> None:
    build = declaration.build
    if not isinstance(build, SourceBuild):
        return
    accounted = {(entry.file, entry.identity): entry.file_sha256 for entry in ledger}
    folder = gate.settings.home.landing / build.name
    files = find_landed_files(folder, build.options, now=inf, settle_seconds=0).ready if folder.is_dir() else ()
    retire([TakenFile(f, accounted[f.name, f.arrival]) for f in files if (f.name, f.arrival) in accounted])
