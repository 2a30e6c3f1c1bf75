"""Brings rows that wait under their addresses, or whose version was taken back, through the gate again."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from ...audits.raw_checks import archived_path
from ...errors import NotReplayable
from ...lake.commit import Quarantined
from ...lake.history import (
    read_parts,
    read_quarantine,
    read_quarantined_rows,
    read_replays,
    read_retractions,
    read_stored_ledger,
)
from ...lake.published import PublishedCut
from ...reading.read_files import FileToRead
from ...records.candidates import FileRole, Manifest
from ...records.declarations import AssetDeclaration, FilesAre, SourceBuild
from ...records.keys import AssetKey, Version
from ...records.ledger import FileState, LedgerEntry, QuarantineEntry, QuarantineKind, RowAddress
from ...records.replays import Part, Replay, addressed_rows, standing
from ...records.verdicts import Decision, Verdict
from ..audit import audit_candidates
from ..candidate import Draft, close_candidate, verify_files
from ..context import Gate
from ..fingerprint import raw_fingerprint
from ..publish import Publication
from ..replay import RowsAgain, Wanted, split_again
from ..workbench import open_workbench
from .accounts import accounts_of, replayed_by, settled_by
from .order import (
    Order,
    bench_of,
    entry_for,
    judged_events,
    judged_in,
    keep_verdict,
    publish_in,
    remove_candidate,
    replay_event,
)
from .replayed import Replayed


@dataclass(frozen=True)
class _Waiting:
    """What an entry stands for: ledger lines by hash as stored, their replays, addresses, and parts taken back.

    `beside` are addresses that rows of the parts' files have in other entries.
    """

    entry: QuarantineEntry
    lines: Mapping[str, LedgerEntry]
    replays: Mapping[tuple[str, str], Sequence[Replay]]
    addresses: tuple[RowAddress, ...]
    parts: tuple[Part, ...]
    retracted: frozenset[tuple[AssetKey, Version]]
    beside: tuple[RowAddress, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """In the order of landing."""
        named = {item.file_sha256 for item in self.addresses} | {part.file_sha256 for part in self.parts}
        return tuple(sha256 for sha256 in self.lines if sha256 in named)

    @property
    def refused(self) -> frozenset[str]:
        """Files that were never let in."""
        return frozenset(address.file_sha256 for address in self.addresses if address.line is None)

    def standing(self, sha256: str) -> LedgerEntry:
        return standing(self.lines[sha256], self.replays_of(sha256), self.retracted)

    def replays_of(self, sha256: str) -> Sequence[Replay]:
        return self.replays.get((self.lines[sha256].source, sha256), ())


def replay_rows(
    gate: Gate,
    cut: PublishedCut,
    declaration: AssetDeclaration,
    entry: QuarantineEntry,
    order: Order,
    *,
    dry_run: bool,
) -> Replayed:
    """Reads the entry's rows from the archive, appends those that the contract lets in now, and has them audited.

    Rows that are still bad stay in the entry. Rows of versions taken back come together or not at all.

    Raises:
        NotReplayable: Its source lands snapshots, and a later one is published.
        BaseMoved: Another publication of the raw table came first; replay again.
        AlreadySettled: Somebody else decided on it meanwhile.
    """
    gate.say(f"reading the rows of entry {entry.id} again")
    with (
        closing(cut.connect()) as connection,
        open_workbench(gate.settings.home.workbenches, gate.new_id(), cut) as workbench,
    ):
        waiting = _find(connection, declaration, entry)
        _require_newest(connection, declaration, waiting)
        head = cut.heads.get(declaration.key)
        wanted = _wanted(gate.settings.home.archive, connection, declaration, waiting, published=head is not None)
        again = split_again(
            connection, declaration, wanted, waiting.addresses, workbench.folder, published=head is not None
        )
        replays = _replays(waiting, again, Version((head.version if head else 0) + 1))
        if again.relation is None or not replays:
            return Replayed(entry, None, still_bad=again.still_bad)
        attachments = _attachments(workbench.folder, waiting, again, replays)
        draft = _draft(declaration, waiting, again, order, attachments)
        closed = close_candidate(
            connection, draft, head, gate.settings.home.candidates, candidate_id=gate.new_candidate(), now=gate.now()
        )
        keep = False
        try:
            plan = gate.audit_plan(declaration.key)
            (verdict,) = audit_candidates(
                bench_of(gate, cut, workbench), [(closed.manifest, plan)], verify_files, now=gate.now()
            )
            keep = verdict.decision is Decision.ESCALATE and not dry_run
            return _decide(gate, cut, connection, closed.manifest, verdict, again, entry, order, dry_run=dry_run)
        finally:
            if not keep:
                remove_candidate(gate.settings.home.candidates, closed.manifest.id)


def _find(connection: duckdb.DuckDBPyConnection, declaration: AssetDeclaration, entry: QuarantineEntry) -> _Waiting:
    lines = {
        line.file_sha256: line
        for line in read_stored_ledger(connection)
        if line.asset == declaration.key and line.state is not FileState.DUPLICATE
    }
    retractions = read_retractions(connection)
    retracted = frozenset((item.asset, item.version) for item in retractions)
    nodes = {(item.asset, item.version) for item in retractions if item.entry == entry.id}
    back = [part for part in read_parts(connection, declaration.key) if not part.serves(retracted)]
    # The rows of a file that were taken back come together, whichever rollback it was.
    files = {part.file_sha256 for part in back if part.touches(nodes)}
    parts = tuple(part for part in back if part.file_sha256 in files)
    rows = [item.id for item in read_quarantine(connection) if item.kind is QuarantineKind.ROWS]
    beside = [a for id_ in (rows if parts else ()) for a in read_quarantined_rows(connection, id_)]
    return _Waiting(
        entry,
        lines,
        read_replays(connection),
        read_quarantined_rows(connection, entry.id),
        parts,
        retracted,
        tuple(a for a in beside if a.file_sha256 in files),
    )


def _require_newest(connection: duckdb.DuckDBPyConnection, declaration: AssetDeclaration, waiting: _Waiting) -> None:
    """An older snapshot, appended, would read as the newest one."""
    build = declaration.build
    assert isinstance(build, SourceBuild)
    if build.options.files_are is not FilesAre.SNAPSHOT or not waiting.files:
        return
    order = list(waiting.lines)
    serving = {part.file_sha256 for part in read_parts(connection, declaration.key) if part.serves(waiting.retracted)}
    later = [sha256 for sha256 in order[order.index(waiting.files[0]) + 1 :] if sha256 in serving]
    if later:
        why = f"{waiting.lines[later[-1]].file} landed after it, and the newest snapshot is what counts"
        raise NotReplayable(
            number=waiting.entry.id,
            asset=waiting.entry.asset,
            why=why,
            fix=f"Discard it: `orchestrator quarantine discard {waiting.entry.id} --why TEXT`.",
        )


def _wanted(
    archive: Path,
    connection: duckdb.DuckDBPyConnection,
    declaration: AssetDeclaration,
    waiting: _Waiting,
    *,
    published: bool,
) -> Wanted:
    files = tuple(
        FileToRead(archived_path(archive, sha256), waiting.lines[sha256].file, sha256) for sha256 in waiting.files
    )
    whole = waiting.refused | {p.file_sha256 for p in waiting.parts}
    lines: dict[str, set[int]] = {}
    for address in waiting.addresses:
        if address.line is not None and address.file_sha256 not in whole:
            lines.setdefault(address.file_sha256, set()).add(address.line)
    kept = _kept(connection, declaration, waiting, published=published) if waiting.parts else {}
    return Wanted(files, {sha256: frozenset(found) for sha256, found in lines.items()}, frozenset(whole), kept)


def _kept(
    connection: duckdb.DuckDBPyConnection, declaration: AssetDeclaration, waiting: _Waiting, *, published: bool
) -> dict[str, set[int]]:
    """Lines of the files that were never let in, or serve: all others were taken back."""
    kept: dict[str, set[int]] = {}
    for address in waiting.beside:
        if address.line is not None:
            kept.setdefault(address.file_sha256, set()).add(address.line)
    if published:
        marks = ", ".join("?" for _ in waiting.files)
        for sha256, line in connection.execute(
            f"SELECT _file_sha256, _line FROM lake.{declaration.key.quoted} WHERE _file_sha256 IN ({marks})",
            list(waiting.files),
        ).fetchall():
            kept.setdefault(sha256, set()).add(line)
    return kept


def _replays(waiting: _Waiting, again: RowsAgain, version: Version) -> tuple[Replay, ...]:
    """One per file, or per part that was taken back; none where those rows do not all come."""
    moved = [
        (item.file.sha256, version, item.n_rows, item.n_accepted, item.n_left)
        if item.file.sha256 in waiting.refused
        else (item.file.sha256, version, waiting.standing(item.file.sha256).n_rows, item.n_accepted, item.n_left)
        for item in again.files
    ]
    if waiting.entry.kind is QuarantineKind.RETRACTED:
        n_back: Counter[str] = Counter()
        for part in waiting.parts:
            n_back[part.file_sha256] += part.n_rows
        if n_back != {item.file.sha256: item.n_accepted for item in again.files}:
            return ()
        moved = [
            (
                part.file_sha256,
                part.first,
                waiting.standing(part.file_sha256).n_rows,
                part.n_rows,
                addressed_rows(waiting.lines[part.file_sha256], waiting.replays_of(part.file_sha256)),
            )
            for part in waiting.parts
        ]
    return tuple(
        Replay(
            source=waiting.lines[sha256].source,
            asset=waiting.entry.asset,
            file_sha256=sha256,
            entry=waiting.entry.id,
            part=part,
            version=version,
            n_rows=n_rows,
            n_published=n_published,
            n_quarantined=n_quarantined,
        )
        for sha256, part, n_rows, n_published, n_quarantined in moved
    )


def _attachments(
    scratch: Path, waiting: _Waiting, again: RowsAgain, replays: Sequence[Replay]
) -> tuple[tuple[Path, FileRole, int], ...]:
    """What the auditor counts: how each file will stand, and which of its rows stay under an address."""
    left = [*waiting.beside, *(address for item in again.files for address in item.left)]
    lines = []
    for sha256 in dict.fromkeys(item.file_sha256 for item in replays):
        mine = [item for item in replays if item.file_sha256 == sha256]
        lines.append(standing(waiting.lines[sha256], [*waiting.replays_of(sha256), *mine], waiting.retracted))
    written = []
    for role, records in ((FileRole.LEDGER, lines), (FileRole.QUARANTINE, left), (FileRole.REPLAY, replays)):
        path = scratch / f"{role}.jsonl"
        path.write_text("".join(record.canonical_json() + "\n" for record in records), encoding="utf-8")
        written.append((path, role, len(records)))
    return tuple(written)


def _draft(
    declaration: AssetDeclaration,
    waiting: _Waiting,
    again: RowsAgain,
    order: Order,
    attachments: tuple[tuple[Path, FileRole, int], ...],
) -> Draft:
    assert again.relation is not None
    inputs = [f"entry {waiting.entry.id}", *(item.file.sha256 for item in again.files)]
    return Draft(
        asset=declaration.key,
        kind=declaration.kind,
        relation=again.relation,
        key=(),
        parents=(),
        fingerprint=raw_fingerprint(declaration, inputs),
        code_version=declaration.code_version,
        contract_hash=declaration.contract.hash(),
        producer=declaration.producer,
        reason=order.reason,
        append=True,
        attachments=attachments,
    )


def _decide(
    gate: Gate,
    cut: PublishedCut,
    connection: duckdb.DuckDBPyConnection,
    manifest: Manifest,
    verdict: Verdict,
    again: RowsAgain,
    entry: QuarantineEntry,
    order: Order,
    *,
    dry_run: bool,
) -> Replayed:
    n_accepted = sum(item.n_accepted for item in again.files)
    told = Replayed(entry, verdict, n_accepted=n_accepted, still_bad=again.still_bad)
    if dry_run:
        return told
    asked = Publication(
        judged=(),
        agent=order.agent,
        reason=order.reason,
        on_behalf_of=order.on_behalf_of,
        events=(
            replay_event(gate, order, entry, verdict, n_rows=n_accepted),
            *judged_events(gate, order, manifest, verdict),
        ),
    )
    if verdict.decision is Decision.REJECT:
        publish_in(gate, asked)
        return told
    if verdict.decision is Decision.ESCALATE:
        keep_verdict(gate.settings.home.candidates, verdict)
        aside = Quarantined(entry_for(gate, cut.heads, manifest, verdict), by=verdict.auditor)
        put_aside = publish_in(gate, replace(asked, quarantined=(aside,)))
        return replace(told, asked_as=put_aside.quarantined[0].id)
    replayed = replayed_by(accounts_of(gate.settings.home.candidates, manifest))
    settled = settled_by(connection, replayed[0])
    judged = (judged_in(gate, manifest, verdict),)
    done = publish_in(gate, replace(asked, judged=judged, settled=settled, replayed=replayed))
    changed = entry.model_copy(update=dict(dict(settled)[entry.id]))
    return replace(told, entry=changed, receipt=done.receipts[0])
