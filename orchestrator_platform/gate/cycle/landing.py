"""Lands a source's files and brings the raw candidate through the gate."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from ...authority.acts import Act
from ...authority.permissions import require, require_start
from ...errors import CandidateDamaged, LockTimeout
from ...lake.commit import Quarantined
from ...lake.history import read_ledger, read_quarantine, read_quarantined_rows
from ...lake.published import PublishedCut
from ...reading.landing_files import FilesFound, LandedFile, find_landed_files
from ...records.candidates import FileRole, Manifest
from ...records.declarations import AssetDeclaration, SourceBuild
from ...records.ledger import FileState, LedgerEntry, QuarantineEntry, QuarantineKind, QuarantineState
from ...records.verdicts import Decision, Verdict
from ..audit import audit_candidates
from ..candidate import Draft, close_candidate, load_manifest, verify_files
from ..context import Gate
from ..fingerprint import raw_fingerprint
from ..intake import Intake, TakenFile, put_back, retire, take_in
from ..land import Landing, land_files
from ..outcomes import Escalated, Outcome, Published, Rejected, Unchanged
from ..publish import Publication
from ..quarantine import quarantine_candidate, quarantine_rows
from ..workbench import Workbench, open_workbench
from .escalations import Escalations, find_escalations
from .order import Order, bench_of, judged_events, judged_in, keep_verdict, publish_in, remove_candidate


@dataclass(frozen=True)
class Landed:
    """What became of a source's landing folder in one pass; `held` are files whose candidate waits in quarantine."""

    outcome: Outcome
    ledger: tuple[LedgerEntry, ...] = ()
    quarantined: tuple[QuarantineEntry, ...] = ()
    waiting: tuple[tuple[str, str], ...] = ()
    held: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    extra_columns: tuple[str, ...] = ()


def land_source(
    gate: Gate,
    order: Order,
    declaration: AssetDeclaration,
    *,
    complete: Collection[str] = (),
    on_progress: Callable[[int, int], None] | None = None,
) -> Landed:
    """Lands what has settled in the source's folder.

    Args:
        complete: Names of files that are known to be whole, whenever they were written.
        on_progress: Called with the number of files read and of all files.

    Raises:
        NotPermitted: An agent may not do its part.
        AlreadyLanded, BaseMoved: Another landing of the source came first; land again.
    """
    build = declaration.build
    assert isinstance(build, SourceBuild)
    require_start(gate.principals[declaration.producer], order.started)
    for act in (Act.LAND, Act.PUBLISH):
        require(gate.principals[declaration.producer], act, declaration.key, gate.seats)
    folder = gate.settings.home.landing / build.name
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(gate.settings.home.landing / f".{build.name}.lock", timeout=gate.settings.lock_timeout_seconds)
    try:
        lock.acquire(poll_interval=0.02)
    except Timeout as error:
        raise LockTimeout(lock=Path(lock.lock_file), seconds=lock.timeout, holder="another landing") from error
    try:
        put_back(folder)
        found, files = _find(gate, build, folder, complete)
        cut = gate.cut()
        with open_workbench(gate.settings.home.workbenches, gate.new_id(), cut) as workbench:
            return _LandingPass(gate, order, declaration, build, cut, workbench, found, on_progress).run(files)
    finally:
        lock.release()


def _find(
    gate: Gate, build: SourceBuild, folder: Path, complete: Collection[str]
) -> tuple[FilesFound, Sequence[LandedFile]]:
    found = find_landed_files(
        folder,
        build.options,
        now=gate.now().timestamp(),
        settle_seconds=gate.settings.settle_seconds,
        closed_seconds=gate.settings.closed_seconds,
    )
    settled = {file.name for file in found.ready}
    # Whole files need no time to settle, not even those whose time lies in the future.
    every = find_landed_files(folder, build.options, now=inf, settle_seconds=0).ready if complete else found.ready
    files = [file for file in every if file.name in settled or file.name in complete]
    waiting = tuple(item for item in found.waiting if item[0] not in complete)
    return FilesFound(ready=tuple(files), waiting=waiting, ignored=found.ignored), files


@dataclass
class _LandingPass:
    gate: Gate
    order: Order
    declaration: AssetDeclaration
    build: SourceBuild
    cut: PublishedCut
    workbench: Workbench
    found: FilesFound
    on_progress: Callable[[int, int], None] | None = None
    waiting: list[tuple[str, str]] = field(default_factory=list)
    held: list[str] = field(default_factory=list)

    def run(self, files: Sequence[LandedFile]) -> Landed:
        self.waiting.extend(self.found.waiting)
        if not files:
            return self._landed(Unchanged(self.declaration.key, "no new files"))
        connection = self.cut.connect()
        try:
            known = read_ledger(connection, self.build.name)
            entries = read_quarantine(connection)
            asked = find_escalations(connection, entries, self.cut.heads, self.gate.settings.home.candidates)
        finally:
            connection.close()
        held = self._held(entries, asked)
        intake = take_in(files, known, held, self.gate.settings.home.archive)
        self.waiting += [(file.name, "it changed while it was read") for file in intake.changing]
        self.held += [taken.landed.name for taken in intake.held]
        self.waiting += [(taken.landed.name, held[taken.sha256]) for taken in intake.held]
        retire(intake.accounted)
        if not intake.fresh and not intake.duplicates:
            return self._landed(Unchanged(self.declaration.key, "no new files"))
        return self._land(intake, known)

    def _held(self, entries: Sequence[QuarantineEntry], asked: Escalations) -> dict[str, str]:
        """Hashes of files whose candidate was rejected, or asks a person, under the very contract, code and audits
        in force, each with the reason why it waits.
        """
        return {
            file.file_sha256: f"a person must approve its candidate: `orchestrator approve {entry.id}`"
            if entry in asked.open
            else "its candidate was rejected"
            for entry, file in _held_files(self.gate, self.declaration, entries, asked)
        }

    def _land(self, intake: Intake, known: Sequence[LedgerEntry]) -> Landed:
        self.gate.say(f"landing {len(intake.fresh)} new and {len(intake.duplicates)} known files of {self.build.name}")
        head = self.cut.heads.get(self.declaration.key)
        connection = self.cut.connect()
        try:
            landing = land_files(
                connection,
                self.declaration,
                intake,
                known,
                self.workbench.folder,
                self.gate.settings.home.archive,
                published=head is not None,
                now=self.gate.now(),
                on_progress=self.on_progress,
            )
            if landing.relation is None:
                return self._record(landing, intake, known)
            closed = close_candidate(
                connection,
                self._draft(landing, intake),
                head,
                self.gate.settings.home.candidates,
                candidate_id=self.gate.new_candidate(),
                now=self.gate.now(),
            )
        finally:
            connection.close()
        return self._judge(closed.manifest, landing, intake)

    def _draft(self, landing: Landing, intake: Intake) -> Draft:
        assert landing.relation is not None
        return Draft(
            asset=self.declaration.key,
            kind=self.declaration.kind,
            relation=landing.relation,
            key=(),
            parents=(),
            fingerprint=raw_fingerprint(self.declaration, [taken.sha256 for taken in intake.fresh]),
            code_version=self.declaration.code_version,
            contract_hash=self.declaration.contract.hash(),
            producer=self.declaration.producer,
            reason=self.order.reason,
            append=True,
            attachments=landing.attachments,
        )

    def _judge(self, manifest: Manifest, landing: Landing, intake: Intake) -> Landed:
        self.gate.say(f"auditing {manifest.asset}: {manifest.n_inserted} new rows")
        plan = self.gate.audit_plan(manifest.asset)
        bench = bench_of(self.gate, self.cut, self.workbench)
        (verdict,) = audit_candidates(bench, [(manifest, plan)], verify_files, now=self.gate.now())
        if verdict.decision is Decision.APPROVE:
            return self._publish(manifest, verdict, landing, intake)
        return self._reject(manifest, verdict, landing, intake)

    def _publish(self, manifest: Manifest, verdict: Verdict, landing: Landing, intake: Intake) -> Landed:
        events = tuple(judged_events(self.gate, self.order, manifest, verdict))
        done = publish_in(
            self.gate,
            Publication(
                judged=(judged_in(self.gate, manifest, verdict),),
                agent=self.declaration.producer,
                reason=self.order.reason,
                on_behalf_of=self.order.on_behalf_of,
                ledger=landing.ledger,
                quarantined=self._rejected_rows(landing),
                events=events,
            ),
        )
        self._retire(intake.fresh, intake.duplicates)
        remove_candidate(self.gate.settings.home.candidates, manifest.id)
        version = done.receipts[0].version
        ledger = tuple(e.model_copy(update={"version": version}) if e.n_published else e for e in landing.ledger)
        outcome = Published(manifest.asset, done.receipts[0])
        return self._landed(outcome, ledger, done.quarantined, landing.extra_columns)

    def _record(self, landing: Landing, intake: Intake, known: Sequence[LedgerEntry]) -> Landed:
        """No row was accepted: what became of them is recorded, and nothing is published."""
        done = publish_in(
            self.gate,
            Publication(
                judged=(),
                agent=self.declaration.producer,
                reason=self.order.reason,
                on_behalf_of=self.order.on_behalf_of,
                ledger=landing.ledger,
                quarantined=self._rejected_rows(landing),
            ),
        )
        self._retire(intake.fresh, intake.duplicates)
        why = "the files hold no row that could be published"
        if not intake.fresh:
            with closing(self.cut.connect()) as connection:
                why = _why_known(intake, known, _waiting_rows(connection, read_quarantine(connection)))
        outcome = Unchanged(self.declaration.key, why)
        return self._landed(outcome, landing.ledger, done.quarantined, landing.extra_columns)

    def _reject(self, manifest: Manifest, verdict: Verdict, landing: Landing, intake: Intake) -> Landed:
        """The candidate waits in quarantine and its files stay in landing."""
        duplicates = tuple(entry for entry in landing.ledger if entry.state is FileState.DUPLICATE)
        # A copy of a file that was not published is no duplicate of anything accounted for.
        fresh = {taken.sha256 for taken in intake.fresh}
        settled = tuple(entry for entry in duplicates if entry.file_sha256 not in fresh)
        waiting = Quarantined(quarantine_candidate(0, manifest, verdict, self.gate.now()), by=verdict.auditor)
        keep_verdict(self.gate.settings.home.candidates, verdict)
        done = publish_in(
            self.gate,
            Publication(
                judged=(),
                agent=verdict.auditor,
                reason=self.order.reason,
                on_behalf_of=self.order.on_behalf_of,
                ledger=settled,
                quarantined=(waiting,),
                events=tuple(judged_events(self.gate, self.order, manifest, verdict)),
            ),
        )
        self.held += [taken.landed.name for taken in intake.fresh]
        self._retire(tuple(taken for taken in intake.duplicates if taken.sha256 not in fresh))
        made = Rejected if verdict.decision is Decision.REJECT else Escalated
        outcome = made(manifest.asset, manifest, verdict, done.quarantined[0].id)
        return self._landed(outcome, settled, done.quarantined, landing.extra_columns)

    def _rejected_rows(self, landing: Landing) -> tuple[Quarantined, ...]:
        if not landing.rejected:
            return ()
        n_rows = sum(entry.n_quarantined for entry in landing.ledger)
        entry = quarantine_rows(0, self.declaration.key, landing.rejected, n_rows, self.gate.now())
        return (Quarantined(entry, landing.rejected),)

    def _retire(self, *groups: Sequence[TakenFile]) -> None:
        retire([taken for group in groups for taken in group])

    def _landed(
        self,
        outcome: Outcome,
        ledger: tuple[LedgerEntry, ...] = (),
        quarantined: tuple[QuarantineEntry, ...] = (),
        extra_columns: tuple[str, ...] = (),
    ) -> Landed:
        return Landed(
            outcome=outcome,
            ledger=ledger,
            quarantined=quarantined,
            waiting=tuple(self.waiting),
            held=tuple(self.held),
            ignored=self.found.ignored,
            extra_columns=extra_columns,
        )


def _why_known(intake: Intake, known: Sequence[LedgerEntry], waiting: Mapping[str, int]) -> str:
    """Why no file was new, with what brings rows that do not serve to their audit again."""
    again = {taken.sha256 for taken in intake.duplicates}
    why = "the same bytes were landed before"
    number = next((waiting[sha256] for sha256 in sorted(again) if sha256 in waiting), None)
    if number is not None:
        return (
            f"{why}, and rows of theirs are in quarantine; if they are right now:"
            f" `orchestrator quarantine replay {number}`"
        )
    retracted = [e for e in known if e.state is FileState.RETRACTED and e.file_sha256 in again and e.version]
    if not retracted:
        return why
    newest = max(retracted, key=lambda entry: entry.version or 0)
    return (
        f"{why}, and their rows are retracted; bring them back:"
        f" `orchestrator rollback {newest.asset} --to {newest.version} --why TEXT`"
    )


def _waiting_rows(connection: duckdb.DuckDBPyConnection, entries: Sequence[QuarantineEntry]) -> dict[str, int]:
    """Returns by the sha256 of files the entry under which rows of theirs wait."""
    rows = [e.id for e in entries if e.kind is QuarantineKind.ROWS and e.state is QuarantineState.WAITING]
    return {address.file_sha256: id_ for id_ in rows for address in read_quarantined_rows(connection, id_)}


def held_arrivals(gate: Gate, declaration: AssetDeclaration) -> frozenset[tuple[str, str]]:
    """Returns name and arrival of the landed files that a landing would leave where they are, because what they gave
    was rejected, or waits for a person. Files are told by their arrival alone: none is read.
    """
    cut = gate.cut()
    with closing(cut.connect()) as connection:
        entries = read_quarantine(connection)
        asked = find_escalations(connection, entries, cut.heads, gate.settings.home.candidates)
    return frozenset((file.file, file.identity) for _, file in _held_files(gate, declaration, entries, asked))


def _held_files(
    gate: Gate, declaration: AssetDeclaration, entries: Sequence[QuarantineEntry], asked: Escalations
) -> Iterator[tuple[QuarantineEntry, LedgerEntry]]:
    candidates = gate.settings.home.candidates
    for entry in entries:
        if not entry.waits or entry in asked.void or entry.asset != declaration.key or not entry.candidate:
            continue
        try:
            manifest = load_manifest(candidates, entry.candidate)
        except CandidateDamaged:
            # Without the rejected candidate its files are simply judged again.
            continue
        files = _fresh_files_of(candidates, manifest)
        if entry.fingerprint == raw_fingerprint(declaration, sorted({file.file_sha256 for file in files})):
            yield from ((entry, file) for file in files)


def _fresh_files_of(candidates: Path, manifest: Manifest) -> Sequence[LedgerEntry]:
    names = [file.name for file in manifest.files_of(FileRole.LEDGER)]
    lines = [line for name in names for line in (candidates / manifest.id / name).read_text("utf-8").splitlines()]
    entries = [LedgerEntry.model_validate_json(line) for line in lines]
    return [entry for entry in entries if entry.state is not FileState.DUPLICATE]
