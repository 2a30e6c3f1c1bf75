"""What a raw candidate that waited accounts for: its ledger, its rejected rows, and its files in landing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf
from pathlib import Path

from ...lake.writer import Quarantined
from ...reading.landing_files import find_landed_files
from ...records.candidates import FileRole, Manifest
from ...records.declarations import AssetDeclaration, SourceBuild
from ...records.ledger import FileState, LedgerEntry, RowAddress
from ..context import Gate
from ..intake import TakenFile, retire
from ..quarantine import quarantine_rows


@dataclass(frozen=True)
class Accounts:
    """Ledger lines and addresses of rejected rows; both are empty for what is no raw candidate."""

    ledger: tuple[LedgerEntry, ...] = ()
    rejected: tuple[RowAddress, ...] = ()

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


def _lines(candidates: Path, manifest: Manifest, role: FileRole) -> list[str]:
    names = [file.name for file in manifest.files_of(role)]
    return [line for name in names for line in (candidates / manifest.id / name).read_text("utf-8").splitlines()]
