"""Whether a home is whole: what may be read was judged, every row is somewhere, and only once."""

import csv
import hashlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb
from small_project import open_project

from orchestrator_platform.lake.content import Content, measure_content
from orchestrator_platform.lake.history import (
    read_ledger,
    read_quarantine,
    read_quarantined_rows,
    read_receipt,
    read_releases,
    read_retractions,
)
from orchestrator_platform.lake.published import PublishedCut
from orchestrator_platform.operations.records_of import journal
from orchestrator_platform.records.ledger import FileState, LedgerEntry
from orchestrator_platform.records.receipts import Head

Row = tuple[object, ...]
# Files that come again, and what is collected or copied again, are told of as often as it happens.
REPEATED = frozenset({"land", "gc", "backup"})


@dataclass(frozen=True)
class Start:
    """What the next process finds. Seconds are of the wall clock and of this process's own work."""

    seconds: float
    seconds_of_work: float
    unaudited: tuple[str, ...]
    lost: tuple[str, ...]
    doubled: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """All that two homes must have in common to be the same to everybody who uses them."""

    served: Mapping[str, tuple[Row, tuple[Row, ...]]]
    ledger: tuple[Row, ...]
    quarantine: tuple[Row, ...]
    retracted: frozenset[Row]
    releases: tuple[Row, ...]
    journal: Mapping[Row, int]
    leftovers: tuple[str, ...]


def start_again(project: Path, landed: Mapping[str, list[int]]) -> Start:
    """Opens the home as the next process does, and looks for what is unaudited, lost or doubled.

    Args:
        landed: The orders of every file that was ever to be landed, by the sha256 of the file.
    """
    began, began_work = time.perf_counter(), time.process_time()
    cut = open_project(project).cut()
    seconds, seconds_of_work = time.perf_counter() - began, time.process_time() - began_work
    with closing(cut.root), closing(cut.connect()) as connection:
        lost, doubled = count_rows(connection, project, landed)
        return Start(seconds, seconds_of_work, tuple(find_unaudited(cut, connection)), lost, doubled)


def find_unaudited(cut: PublishedCut, connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Yields every table that readers see without a receipt, or with other content than the one that was judged."""
    sql = "SELECT table_schema || '.' || table_name FROM information_schema.tables WHERE table_catalog = 'lake'"
    for (table,) in connection.execute(f"{sql} AND table_schema <> '_platform'").fetchall():
        head = next((head for asset, head in cut.heads.items() if asset == table), None)
        receipt = read_receipt(connection, head.asset, head.version) if head else None
        if receipt is None:
            yield f"{table} has no receipt"
            continue
        content = measure_content(connection, f"lake.{receipt.asset.quoted}", receipt.columns)
        if content != Content.parse(receipt.data_version):
            yield f"{table} holds {content}, judged was {receipt.data_version}"
        failed = [f.check for f in receipt.findings if not f.passed and f.severity == "error"]
        if failed or receipt.auditor == receipt.producer:
            yield f"{table} was let in by {receipt.auditor} with {failed}"


def count_rows(
    connection: duckdb.DuckDBPyConnection, project: Path, landed: Mapping[str, list[int]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns what is nowhere, and what is in two places, of published, quarantined, duplicate and in landing.

    The content counts, and the ledger must say the same.
    """
    published: dict[str, list[int]] = {}
    for sha256, line in connection.execute("SELECT _file_sha256, _line FROM lake.raw.orders").fetchall():
        published.setdefault(sha256, []).append(line)
    quarantined: dict[str, set[int]] = {}
    for entry in read_quarantine(connection):
        for address in read_quarantined_rows(connection, entry.id) if entry.kind == "rows" else ():
            quarantined.setdefault(address.file_sha256, set()).add(address.line or 0)
    ledger = {e.file_sha256: e for e in read_ledger(connection) if e.state is not FileState.DUPLICATE}
    waiting = {sha256_of(file) for file in _files(project / "home/landing", project / "incoming")}
    archived = {sha256_of(file) for file in _files(project / "home/archive")}
    lost, doubled = [], []
    for sha256, orders in landed.items():
        served, kept = published.get(sha256, []), quarantined.get(sha256, set())
        doubled += [f"{sha256[:8]}:{line}" for line, n in Counter([*served, *kept]).items() if n > 1]
        entry = ledger.get(sha256)
        if entry is None:
            doubled += [f"{sha256[:8]}:{line} before its file is accounted for" for line in served]
            lost += [] if sha256 in waiting else [f"{sha256[:8]} is not in landing"]
            continue
        lost += [] if sha256 in archived else [f"{entry.file} is not in the archive"]
        retracted = entry.state is FileState.RETRACTED
        missing = set(range(1, len(orders) + 1)) - set(served) - kept
        lost += [] if retracted else [f"{sha256[:8]}:{line}" for line in missing]
        if not retracted and (entry.n_published, entry.n_quarantined) != (len(served), len(kept)):
            lost.append(f"the ledger says {entry.n_published} + {entry.n_quarantined} of {entry.file}")
    return tuple(lost), tuple(doubled)


def read_landed(*folders: Path) -> dict[str, list[int]]:
    """Returns the orders in every CSV file of the folders, by the sha256 of the file."""
    found = {}
    for file in _files(*folders):
        with file.open(encoding="utf-8", newline="") as lines:
            found[sha256_of(file)] = [int(row["order_id"]) for row in csv.DictReader(lines)]
    return found


def _files(*folders: Path) -> list[Path]:
    found = (file for folder in folders for file in folder.rglob("*"))
    return [file for file in found if file.is_file() and file.suffix not in {".lock", ".partial"}]


def sha256_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def read_facts(project: Path) -> Facts:
    """Reads everything that a crash must not change."""
    platform = open_project(project)
    cut = platform.cut()
    with closing(cut.root), closing(cut.connect()) as connection:
        entries = read_quarantine(connection)
        return Facts(
            served={str(asset): _served(connection, head) for asset, head in cut.heads.items()},
            ledger=_accounts(read_ledger(connection)),
            quarantine=tuple((e.id, e.kind, e.asset, e.state, e.n_rows) for e in entries),
            retracted=frozenset((r.asset, r.version, r.cause) for r in read_retractions(connection)),
            releases=tuple((r.name,) for r in read_releases(connection)),
            journal=Counter((e.act, e.subject, e.outcome) for e in journal(platform) if e.act not in REPEATED),
            leftovers=_leftovers(platform.settings.home.root),
        )


def _accounts(ledger: Sequence[LedgerEntry]) -> tuple[Row, ...]:
    """Files that came again by their own name, because a command was run again or a half-removed file was put back,
    are no news.
    """
    landed = {(e.file, e.file_sha256) for e in ledger if e.state is not FileState.DUPLICATE}
    news = (e for e in ledger if e.state is not FileState.DUPLICATE or (e.file, e.file_sha256) not in landed)
    rows = {(e.file, e.state, e.n_rows, e.n_published, e.n_quarantined, e.n_duplicate, e.version or 0) for e in news}
    return tuple(sorted(rows))


def _served(connection: duckdb.DuckDBPyConnection, head: Head) -> tuple[Row, tuple[Row, ...]]:
    rows = connection.execute(f"FROM lake.{head.asset.quoted}").fetchall()
    return (head.version, head.data_version, head.withdrawn), tuple(sorted(rows, key=repr))


def _leftovers(home: Path) -> tuple[str, ...]:
    return tuple(sorted(str(file.relative_to(home)) for file in _files(home / "landing")))
