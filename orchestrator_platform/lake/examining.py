"""Looks at a lake for damage: waits for nobody, changes nothing. Works on a private copy of the writer's catalog, so
that it sees what a reader's copy hides.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ..records.keys import AssetKey, Snapshot
from ..records.ledger import LedgerEntry, QuarantineEntry
from ..records.receipts import Head, Receipt
from ..records.upkeep import Ailment, Severity
from .catalog import CatalogFile, copy_catalog, is_at_home, open_catalog, read_files, read_scheduled, relocate
from .content import hash_file
from .history import read_heads, read_ledger, read_outbox, read_quarantine, read_receipts_after, read_retractions
from .layout import LakeLayout
from .maintenance import is_merge
from .readers import connect_reader

# The command for what only a backup can mend.
RESTORE = "orchestrator restore FROM --home NEW"
_CREATION = Snapshot(1)
_ENDS = b"PAR1"


@dataclass(frozen=True)
class LakeSeen:
    """What one look found. `scheduled` are files that only wait to be deleted; `sha256s` are those that receipts and
    the journal of compactions name, by file name.
    """

    newest: Snapshot
    heads: Mapping[AssetKey, Head]
    receipts: tuple[Receipt, ...]
    retractions: int
    ledger: tuple[LedgerEntry, ...]
    entries: tuple[QuarantineEntry, ...]
    files: tuple[CatalogFile, ...]
    scheduled: frozenset[Path]
    sha256s: Mapping[str, str]
    foreign: tuple[Ailment, ...]


def look_at_lake(layout: LakeLayout, scratch: Path) -> LakeSeen:
    """Reads everything that is examined, from a copy of the catalog made in the folder `scratch`.

    Raises:
        sqlite3.DatabaseError: The catalog cannot be copied.
        duckdb.Error: The catalog cannot be attached, or the platform's tables cannot be read.
    """
    copy = LakeLayout(scratch)
    copy_catalog(layout.catalog, copy.readers)
    if not is_at_home(copy.readers, layout.data):
        relocate(copy.readers, layout.data)
    with closing(connect_reader(copy)) as connection, open_catalog(copy.readers) as catalog:
        receipts, outbox = read_receipts_after(connection, Snapshot(0)), read_outbox(connection)
        sha256s = {name: sha for r in receipts for name, sha in zip(r.files, r.sha256s, strict=False)}
        for _, event in outbox:
            sha256s |= event.details.get("files", {}) if event.act == "compact" else {}
        return LakeSeen(
            newest=Snapshot(_newest(catalog)),
            heads=read_heads(connection),
            receipts=receipts,
            retractions=len(read_retractions(connection)),
            ledger=read_ledger(connection),
            entries=read_quarantine(connection),
            files=read_files(catalog),
            scheduled=frozenset(item.path for item in read_scheduled(catalog)),
            sha256s=sha256s,
            foreign=tuple(_foreign(connection, {snapshot for snapshot, _ in outbox})),
        )


def examine_heads(seen: LakeSeen) -> Iterator[Ailment]:
    """Every head must be explained by its receipt."""
    known = {(receipt.asset, receipt.version): receipt for receipt in seen.receipts}
    for asset, head in seen.heads.items():
        receipt = known.get((asset, head.version))
        if receipt is None:
            problem = f"version {head.version} serves, and no receipt tells where it is from"
        elif (receipt.snapshot, receipt.data_version) != (head.snapshot, head.data_version):
            problem = f"version {head.version} serves other content than its receipt tells of"
        else:
            continue
        yield Ailment(check="receipts", severity=Severity.ERROR, culprit=asset, problem=problem, command=RESTORE)


def examine_files(seen: LakeSeen, *, quick: bool) -> Iterator[Ailment]:
    """Every file that a snapshot shows must be there with its size and, unless it is to be quick, its bytes."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        problems = pool.map(lambda file: _file_problem(file, None if quick else seen.sha256s), seen.files)
        for file, problem in zip(seen.files, problems, strict=True):
            if problem is not None:
                yield Ailment(
                    check="files",
                    severity=Severity.ERROR,
                    culprit=str(file.path),
                    problem=f"{problem}; {file.table} reads it since snapshot {file.begins}",
                    command=RESTORE,
                )


def _file_problem(file: CatalogFile, sha256s: Mapping[str, str] | None) -> str | None:
    try:
        size = file.path.stat().st_size
        if size != file.size_bytes:
            return f"has {size} bytes and should have {file.size_bytes}"
        with file.path.open("rb") as reading:
            reading.seek(-4, 2)
            if reading.read() != _ENDS:
                return "is no Parquet file any more"
        expected = (sha256s or {}).get(file.path.name)
        return "has other bytes than were judged" if expected and hash_file(file.path) != expected else None
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def _foreign(connection: duckdb.DuckDBPyConnection, explained: Iterable[Snapshot]) -> Iterator[Ailment]:
    known = {*explained, Snapshot(0), _CREATION}
    rows = connection.execute(
        "SELECT snapshot_id, author, commit_message, changes FROM lake.snapshots() ORDER BY 1"
    ).fetchall()
    for snapshot, author, message, changes in rows:
        if snapshot not in known and not is_merge(author, message, changes):
            what = ", ".join(f"{change} {what}" for change, what in sorted(dict(changes or {}).items()))
            yield Ailment(
                check="foreign",
                severity=Severity.ERROR,
                culprit=f"snapshot {snapshot}",
                problem=f"no receipt explains it ({what or 'no change is told'}), so nothing more is published",
                command=RESTORE,
            )


def _newest(catalog: sqlite3.Connection) -> int:
    return int(catalog.execute("SELECT max(snapshot_id) FROM ducklake_snapshot").fetchone()[0])
