"""Closes an entry of the quarantine for good: nothing of it is published, and its inputs stay rejected."""

from contextlib import closing
from dataclasses import dataclass

import duckdb

from ...authority.acts import Act
from ...errors import CandidateDamaged, SealBroken
from ...lake.history import read_ledger, read_quarantine
from ...records.candidates import AssetKind
from ...records.declarations import AssetDeclaration
from ...records.events import Event
from ...records.keys import AgentName
from ...records.ledger import FileState, LedgerEntry, QuarantineEntry, QuarantineState
from ..context import Gate
from ..publish import Publication
from .accounts import Accounts, accounts_of, retire_accounted
from .order import publish_in, remove_candidate
from .waiting import find_entry, load_as_audited, require_waiting


@dataclass(frozen=True)
class Discarding:
    """An entry that waits, and the ledger lines of files that only its candidate holds: they are refused with it."""

    entry: QuarantineEntry
    declaration: AssetDeclaration | None
    refused: tuple[LedgerEntry, ...] = ()


def find_discardable(gate: Gate, number: int) -> Discarding:
    """Returns what waits under this number, and what goes with it.

    Raises:
        Misuse: There is no such entry.
        AlreadySettled: It does not wait any more.
    """
    cut = gate.cut()
    with closing(cut.connect()) as connection:
        entry = find_entry(connection, number)
        require_waiting(entry)
        declaration = gate.assets.get(entry.asset)
        if declaration is None or declaration.kind is not AssetKind.RAW or not entry.waits:
            return Discarding(entry, declaration)
        return Discarding(entry, declaration, _refused_with(gate, connection, declaration, entry))


def discard_entry(gate: Gate, found: Discarding, agent: AgentName, reason: str) -> QuarantineEntry:
    """Discards the entry in one snapshot, then removes its candidate; returns it as it stands afterwards.

    Raises:
        AlreadySettled: It does not wait any more.
        AlreadyLanded: A landing accounted for one of its files meanwhile.
    """
    entry = found.entry
    state = {"state": QuarantineState.DISCARDED}
    event = Event(
        id=gate.new_id(),
        at=gate.now(),
        agent=agent,
        act=Act.DISCARD,
        subject=entry.asset,
        outcome="discarded",
        reason=reason,
        inputs={"quarantine": entry.id, **({"candidate": entry.candidate} if entry.candidate else {})},
        details={"kind": entry.kind, "n_rows": entry.n_rows, "n_files_refused": len(found.refused)},
    )
    publish_in(
        gate,
        Publication(
            judged=(),
            agent=agent,
            reason=reason,
            ledger=found.refused,
            events=(event,),
            settled=((entry.id, state),),
        ),
    )
    if found.declaration is not None:
        retire_accounted(gate, found.declaration, found.refused)
    if entry.candidate is not None:
        remove_candidate(gate.settings.home.candidates, entry.candidate)
    return entry.model_copy(update=state)


def _refused_with(
    gate: Gate, connection: duckdb.DuckDBPyConnection, declaration: AssetDeclaration, entry: QuarantineEntry
) -> tuple[LedgerEntry, ...]:
    """The files' rows must be accounted for, or the next landing would bring the same candidate back.

    Files that another candidate holds as well wait with that one.
    """
    accounts = _accounts(gate, connection, declaration, entry)
    others = (item for item in read_quarantine(connection) if item.waits and item.id != entry.id)
    held = [_accounts(gate, connection, declaration, item).files for item in others if item.asset == entry.asset]
    landed = {line.file_sha256 for line in read_ledger(connection) if line.asset == entry.asset}
    known = landed.union(*held)
    return tuple(_refused(line) for line in accounts.ledger if line.file_sha256 not in known)


def _accounts(
    gate: Gate, connection: duckdb.DuckDBPyConnection, declaration: AssetDeclaration, entry: QuarantineEntry
) -> Accounts:
    """What cannot be trusted accounts for nothing: its files stay in landing, and are judged again."""
    candidates = gate.settings.home.candidates
    try:
        return accounts_of(candidates, load_as_audited(connection, candidates, declaration, entry))
    except (CandidateDamaged, SealBroken):
        return Accounts()


def _refused(line: LedgerEntry) -> LedgerEntry:
    if line.state is FileState.DUPLICATE:
        return line
    everything = {"n_published": 0, "n_quarantined": line.n_rows}
    return line.model_copy(update={"state": FileState.REFUSED, "version": None, **everything})
