"""Publishes what waited, with what it accounts for: its ledger, its rejected rows, and its files in landing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from math import inf
from pathlib import Path

import duckdb

from ...lake.commit import Quarantined, RowsReplayed
from ...lake.history import (
    read_parts,
    read_quarantine,
    read_quarantine_entry,
    read_quarantined_rows,
    read_replays,
    read_retractions,
    read_stored_ledger,
)
from ...reading.landing_files import find_landed_files
from ...records.candidates import FileRole, Manifest
from ...records.declarations import AssetDeclaration, SourceBuild
from ...records.events import Event
from ...records.ledger import FileState, LedgerEntry, QuarantineEntry, QuarantineKind, QuarantineState, RowAddress
from ...records.receipts import Receipt
from ...records.replays import Replay, addressed_rows
from ..context import Gate
from ..intake import TakenFile, retire
from ..publish import Publication
from ..quarantine import quarantine_rows
from ..seal import Judged
from .order import publish_in, remove_candidate


@dataclass(frozen=True)
class Accounts:
    """Ledger lines and addresses of rejected rows; both are empty for what is no raw candidate.

    Where rows come out of quarantine it is what they leave there.
    """

    ledger: tuple[LedgerEntry, ...] = ()
    rejected: tuple[RowAddress, ...] = ()
    replayed: RowsReplayed | None = None

    @property
    def files(self) -> frozenset[str]:
        """The sha256 of the files that the candidate is the first to hold."""
        return frozenset(entry.file_sha256 for entry in self.ledger if entry.state is not FileState.DUPLICATE)

    def quarantined(self, manifest: Manifest, now: datetime) -> tuple[Quarantined, ...]:
        """Returns the entry for the rejected rows, if there are any."""
        if not self.rejected:
            return ()
        n_rows = sum(entry.n_quarantined for entry in self.ledger)
        return (Quarantined(quarantine_rows(0, manifest.asset, self.rejected, n_rows, now), self.rejected),)


def accounts_of(candidates: Path, manifest: Manifest) -> Accounts:
    """Returns what the candidate brings along; copies of earlier files were accounted for when it was put aside."""
    entries = [LedgerEntry.model_validate_json(line) for line in _lines(candidates, manifest, FileRole.LEDGER)]
    rejected = [RowAddress.model_validate_json(line) for line in _lines(candidates, manifest, FileRole.QUARANTINE)]
    replays = [Replay.model_validate_json(line) for line in _lines(candidates, manifest, FileRole.REPLAY)]
    if replays:
        # Rows of versions taken back leave nothing: what has an address there has it in another entry.
        left = tuple(rejected) if all(item.part == item.version for item in replays) else ()
        return Accounts(replayed=RowsReplayed(replays[0].entry, tuple(replays), left))
    fresh = Accounts(tuple(entries)).files
    return Accounts(tuple(entry for entry in entries if entry.file_sha256 in fresh), tuple(rejected))


def retire_accounted(gate: Gate, declaration: AssetDeclaration, ledger: Sequence[LedgerEntry]) -> None:
    """Removes from landing the files whose rows the ledger accounts for now."""
    build = declaration.build
    if not isinstance(build, SourceBuild):
        return
    accounted = {(entry.file, entry.identity): entry.file_sha256 for entry in ledger}
    folder = gate.settings.home.landing / build.name
    files = find_landed_files(folder, build.options, now=inf, settle_seconds=0).ready if folder.is_dir() else ()
    retire([TakenFile(f, accounted[f.name, f.arrival]) for f in files if (f.name, f.arrival) in accounted])


def publish_waiting(
    gate: Gate,
    entry: QuarantineEntry,
    judged: Judged,
    events: tuple[Event, ...],
    *,
    state: QuarantineState,
    reason: str,
    on_behalf_of: str,
) -> Receipt:
    """Publishes a candidate that waited, with all that it accounts for, and settles its entry, in one snapshot.

    Raises:
        OrchestratorError: As for `publish`, under the lock.
    """
    manifest, candidates = judged.manifest, gate.settings.home.candidates
    accounts = accounts_of(candidates, manifest)
    done = publish_in(
        gate,
        Publication(
            judged=(judged,),
            agent=manifest.producer,
            reason=reason,
            on_behalf_of=on_behalf_of,
            ledger=accounts.ledger,
            quarantined=accounts.quarantined(manifest, gate.now()),
            events=events,
            settled=((entry.id, {"state": state}), *_settled_beside(gate, accounts)),
            replayed=replayed_by(accounts),
        ),
    )
    retire_accounted(gate, judged.declaration, accounts.ledger)
    remove_candidate(candidates, manifest.id)
    return done.receipts[0]


def replayed_by(accounts: Accounts) -> tuple[RowsReplayed, ...]:
    """Returns the rows that come out of quarantine, as a publication takes them."""
    return (accounts.replayed,) if accounts.replayed is not None else ()


def _settled_beside(gate: Gate, accounts: Accounts) -> tuple[tuple[int, Mapping[str, object]], ...]:
    if accounts.replayed is None:
        return ()
    cut = gate.cut()
    with closing(cut.connect()) as connection:
        return settled_by(connection, accounts.replayed)


def settled_by(
    connection: duckdb.DuckDBPyConnection, replayed: RowsReplayed
) -> tuple[tuple[int, Mapping[str, object]], ...]:
    """Returns what changes in the entries that rows come out of: they close, or wait with what is left."""
    entry = read_quarantine_entry(connection, replayed.entry)
    assert entry is not None
    if entry.kind is QuarantineKind.RETRACTED:
        return _without_parts(connection, replayed)
    replays = read_replays(connection)
    before = {
        line.file_sha256: addressed_rows(line, replays.get((line.source, line.file_sha256), ()))
        for line in read_stored_ledger(connection)
        if line.asset == entry.asset and line.state is not FileState.DUPLICATE
    }
    moved = sum(before[item.file_sha256] - item.n_quarantined for item in replayed.replays)
    if moved >= entry.n_rows:
        return ((entry.id, {"state": QuarantineState.REPLAYED}),)
    others = [row for row in read_quarantined_rows(connection, entry.id) if row.file_sha256 not in replayed.files]
    reasons = dict(Counter(row.rule for row in (*others, *replayed.left)))
    return ((entry.id, {"n_rows": entry.n_rows - moved, "reasons": reasons}),)


def _without_parts(
    connection: duckdb.DuckDBPyConnection, replayed: RowsReplayed
) -> tuple[tuple[int, Mapping[str, object]], ...]:
    """Entries of other rollbacks may stand for rows of the same files: those come out as well."""
    asset = replayed.replays[0].asset
    retractions = [item for item in read_retractions(connection) if item.asset == asset]
    retracted = {(item.asset, item.version) for item in retractions}
    out = {(item.file_sha256, item.part) for item in replayed.replays}
    still = [
        part
        for part in read_parts(connection, asset)
        if not part.serves(retracted) and (part.file_sha256, part.first) not in out
    ]
    changes: list[tuple[int, Mapping[str, object]]] = []
    for entry in read_quarantine(connection):
        nodes = {(item.asset, item.version) for item in retractions if item.entry == entry.id}
        if entry.kind is not QuarantineKind.RETRACTED or entry.state is not QuarantineState.WAITING or not nodes:
            continue
        left = sum(part.n_rows for part in still if part.touches(nodes))
        if left < entry.n_rows:
            waits = {"n_rows": left, "reasons": dict.fromkeys(entry.reasons, left)}
            changes.append((entry.id, waits if left else {"state": QuarantineState.REPLAYED}))
    return tuple(changes)


def _lines(candidates: Path, manifest: Manifest, role: FileRole) -> list[str]:
    names = [file.name for file in manifest.files_of(role)]
    return [line for name in names for line in (candidates / manifest.id / name).read_text("utf-8").splitlines()]
