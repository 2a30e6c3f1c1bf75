"""Looks things up in the platform's own records: ledger, history, receipts, quarantine, journal."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import duckdb

from ..errors import CandidateDamaged, Misuse, UnknownAsset, UnknownVersion
from ..gate.candidate import load_manifest
from ..lake.history import (
    read_ledger,
    read_parts,
    read_quarantine,
    read_quarantined_rows,
    read_receipt,
    read_receipts,
    read_retractions,
)
from ..projections.journal import read_journal
from ..records.candidates import Manifest
from ..records.declarations import SourceBuild
from ..records.events import Event
from ..records.keys import AssetKey, Version
from ..records.ledger import FileState, LedgerEntry, QuarantineEntry, QuarantineKind, RowAddress
from ..records.receipts import Receipt
from ..records.retractions import Retraction
from ..records.verdicts import VERDICT, Verdict
from .land import find_source
from .platform import Platform

T = TypeVar("T")


def ledger(platform: Platform, source: str | None = None) -> tuple[LedgerEntry, ...]:
    """Returns what became of every landed file, in the order of landing; of a source by its name or its raw table's.

    Raises:
        Misuse: The project has no such source, and none was ever landed.
    """
    found = _read(platform, lambda connection: read_ledger(connection, source))
    if found or source is None:
        return found
    build = find_source(platform.gate, source).build
    assert isinstance(build, SourceBuild)
    return () if build.name == source else _read(platform, lambda connection: read_ledger(connection, build.name))


def history(platform: Platform, asset: str) -> tuple[Receipt, ...]:
    """Returns the receipts of an asset, newest first.

    Raises:
        UnknownAsset: Nothing of that name was ever published.
    """
    found = _read(platform, lambda connection: read_receipts(connection, _key(platform, asset)))
    if not found:
        raise UnknownAsset(name=asset, known=list(platform.cut().heads))
    return found


def retractions(platform: Platform, asset: str) -> tuple[Retraction, ...]:
    """Returns which versions of an asset are taken back, and because of what."""
    return tuple(item for item in _read(platform, read_retractions) if item.asset == asset)


def receipt(platform: Platform, name: str) -> Receipt:
    """Returns one receipt: of `schema.name`, or of `schema.name@version`.

    Raises:
        UnknownAsset: Nothing of that name was ever published.
        Misuse: The asset has no such version.
    """
    asset, _, version = name.partition("@")
    number = _version(name, version) if version else None
    found = _read(platform, lambda connection: read_receipt(connection, _key(platform, asset), number))
    if found is None:
        if number is not None and asset in platform.cut().heads:
            raise UnknownVersion(asset=asset, version=number)
        raise UnknownAsset(name=asset, known=list(platform.cut().heads))
    return found


def quarantine(platform: Platform) -> tuple[QuarantineEntry, ...]:
    """Returns what waits, or waited, in quarantine."""
    return _read(platform, read_quarantine)


@dataclass(frozen=True)
class QuarantineView:
    """One entry with its rows' addresses, or with its candidate and verdict where those are still there.

    Of retracted rows it is the `files` that they came with.
    """

    entry: QuarantineEntry
    rows: tuple[RowAddress, ...] = ()
    manifest: Manifest | None = None
    verdict: Verdict | None = None
    files: tuple[LedgerEntry, ...] = ()


def quarantine_entry(platform: Platform, number: int, limit: int = 100) -> QuarantineView:
    """Returns one entry, with at most `limit` addresses.

    Raises:
        Misuse: There is no such entry.
    """
    entry = next((entry for entry in quarantine(platform) if entry.id == number), None)
    if entry is None:
        raise Misuse(f"There is nothing numbered {number} in quarantine. Look: `orchestrator quarantine list`.")
    if entry.kind is QuarantineKind.ROWS:
        return QuarantineView(entry, _read(platform, lambda c: read_quarantined_rows(c, number, limit)))
    if entry.kind is QuarantineKind.RETRACTED:
        return QuarantineView(entry, files=_retracted_files(platform, number))
    return _candidate_view(platform, entry)


def _retracted_files(platform: Platform, number: int) -> tuple[LedgerEntry, ...]:
    taken_back = _read(platform, read_retractions)
    nodes = {(item.asset, item.version) for item in taken_back if item.entry == number}
    retracted = {(item.asset, item.version) for item in taken_back}
    back = {
        (part.source, part.file_sha256)
        for part in _read(platform, read_parts)
        if part.touches(nodes) and not part.serves(retracted)
    }
    lines = (line for line in ledger(platform) if line.state is not FileState.DUPLICATE)
    return tuple(line for line in lines if (line.source, line.file_sha256) in back)


def _candidate_view(platform: Platform, entry: QuarantineEntry) -> QuarantineView:
    if entry.candidate is None:
        return QuarantineView(entry)
    candidates = platform.settings.home.candidates
    try:
        manifest = load_manifest(candidates, entry.candidate)
        stored = (candidates / entry.candidate / VERDICT).read_bytes()
    except (CandidateDamaged, OSError):
        return QuarantineView(entry)
    return QuarantineView(entry, manifest=manifest, verdict=Verdict.model_validate_json(stored))


def journal(platform: Platform, limit: int | None = None) -> tuple[Event, ...]:
    """Returns the journal's events, oldest first; with `limit` only the newest so many."""
    events = sorted(read_journal(platform.settings.home.journal), key=lambda event: (event.at, event.id))
    return tuple(events[-limit:] if limit else events)


def _read(platform: Platform, read: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
    connection = platform.cut().connect()
    try:
        return read(connection)
    finally:
        connection.close()


def _key(platform: Platform, asset: str) -> AssetKey:
    try:
        return AssetKey(asset)
    except ValueError as error:
        raise UnknownAsset(name=asset, known=list(platform.cut().heads)) from error


def _version(name: str, text: str) -> Version:
    if not text.isdigit():
        raise Misuse(f"{name!r}: a version is a number, for example {name.partition('@')[0]}@3.")
    return Version(int(text))
