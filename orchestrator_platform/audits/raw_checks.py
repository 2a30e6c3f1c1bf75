"""What raw tables are audited for besides their contract: every row of every landed file is accounted for."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ..reading.read_files import ADDRESS_COLUMNS, FileToRead, count_records
from ..reading.refusals import listed
from ..records.candidates import FileRole, Form
from ..records.contracts import Contract
from ..records.declarations import SourceOptions
from ..records.findings import Finding, Severity
from ..records.ledger import FileState, LedgerEntry, RowAddress
from ..sql import identifier
from .candidate_view import CandidateView

ACCOUNTED, IN_ORDER, ALL_COLUMNS = "accounted_for", "landed_in_order", "columns_in_every_file"
CHECKS = (ACCOUNTED, IN_ORDER, ALL_COLUMNS)
# That many such files, or fewer, would be there by chance if nothing is wrong.
_BY_CHANCE = 0.01


def check_accounting(view: CandidateView, options: SourceOptions, archive: Path) -> Iterable[Finding]:
    """Counts the records of each archived file anew and compares them with what became of them."""
    ledger = [entry for entry in read_ledger_file(view) if entry.state is not FileState.DUPLICATE]
    files = [FileToRead(archived_path(archive, e.file_sha256), e.file, e.file_sha256) for e in ledger]
    counted = count_records(files, options)
    # Rows that come out of quarantine add to what serves of their file.
    relation = view.next if view.manifest.files_of(FileRole.REPLAY) else view.delta
    quarantined = _quarantined_lines(read_quarantine_file(view))
    published = _published_rows(view.connection, relation, quarantined)
    wrong = [text for entry in ledger for text in _problems(entry, counted, published, quarantined)]
    wrong += [f"{file.name}: the archive does not hold the bytes that were landed" for file in files if _differs(file)]
    yield Finding(
        asset=view.asset,
        check=ACCOUNTED,
        passed=not wrong,
        measured=sum(entry.n_published + entry.n_quarantined for entry in ledger),
        limit=sum(counted.values()),
        n_failing=len(wrong),
        engine="python",
        message="; ".join(wrong[:5]) or f"every record of {len(ledger)} files is published or quarantined",
    )


def _problems(
    entry: LedgerEntry,
    counted: Mapping[str, int],
    published: Mapping[str, "_PublishedRows"],
    quarantined: Mapping[str, set[int | None]],
) -> Iterable[str]:
    addresses = quarantined.get(entry.file_sha256, set())
    rows = published.get(entry.file_sha256, _PublishedRows(0))
    if rows.n_rows != entry.n_published:
        yield f"{entry.file}: {rows.n_rows} rows in the candidate, the ledger says {entry.n_published}"
    if rows.n_rows and rows.file != entry.file:
        yield f"{entry.file}: its rows name {rows.file or 'several files'} in _file"
    if rows.n_lines != rows.n_rows or rows.first_line < 1:
        yield f"{entry.file}: _line does not tell its rows apart, or counts from less than 1"
    if rows.n_in_quarantine:
        yield f"{entry.file}: {rows.n_in_quarantine} of its rows are in the candidate and in quarantine"
    if entry.state is FileState.LANDED and counted.get(entry.file_sha256) != entry.n_rows:
        yield f"{entry.file}: {counted.get(entry.file_sha256)} records counted, the ledger says {entry.n_rows}"
    if entry.state is FileState.LANDED and len(addresses) != entry.n_quarantined:
        said = f"{len(addresses)} rows have an address in quarantine, the ledger says {entry.n_quarantined}"
        yield f"{entry.file}: {said}"


def _differs(file: FileToRead) -> bool:
    if not file.path.is_file():
        return True
    with file.path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() != file.sha256


def check_order(view: CandidateView) -> Iterable[Finding]:
    """The sequence goes on where the base ended, without a gap, and lines rise within a file.

    In a whole table lines of a file may come later, out of quarantine.
    """
    # A candidate that replaces the whole holds the rows of its base as well.
    on_base = view.base is not None and view.manifest.form is not Form.WHOLE
    start = f"(SELECT coalesce(max(_landed_seq), 0) FROM {view.base})" if on_base else "0"
    lines = "false" if view.manifest.form is Form.WHOLE else "_line <= before"
    row = _one(
        view.connection,
        f"""SELECT count(*) FILTER (WHERE _landed_seq <> expected OR {lines}) FROM (
            SELECT _landed_seq, _line, {start} + row_number() OVER (ORDER BY _landed_seq) AS expected,
                   lag(_line) OVER (PARTITION BY _file_sha256 ORDER BY _landed_seq) AS before
            FROM {view.delta})""",
    )
    yield Finding(
        asset=view.asset,
        check=IN_ORDER,
        passed=row == 0,
        measured=row,
        limit=0,
        n_failing=row,
        message=f"{row} rows out of the order of landing" if row else "rows follow the order of landing",
    )


def check_columns(view: CandidateView, contract: Contract) -> Iterable[Finding]:
    """Warns of landed files in which a declared column has no value, although the base's rows have (without
    a base: the other files'; and of a column that has none anywhere). What chance explains is no finding.
    """
    optional = [c.name for c in contract.columns if c.nullable and c.name not in ADDRESS_COLUMNS]
    files = _count_values(view.connection, view.delta, optional)
    empty = [(file, name) for file in files for name in optional if not file.n_values[name]]
    usual = _null_shares(view, files, {name for _, name in empty})
    wrong = [(file, name) for file, name in empty if len(files) * usual[name] ** file.n_rows < _BY_CHANCE]
    names = {entry.file_sha256: entry.file for entry in read_ledger_file(view)} if wrong else {}
    said = [f"{names.get(file.sha256, file.sha256)}: {name}" for file, name in wrong]
    yield Finding(
        asset=view.asset,
        check=ALL_COLUMNS,
        passed=not wrong,
        severity=Severity.WARN,
        measured=len(wrong),
        limit=0,
        n_failing=sum(file.n_rows for file, _ in wrong),
        message=f"without any value: {listed(said)}" if wrong else "no declared column is absent from a file",
    )


@dataclass(frozen=True)
class _FileValues:
    sha256: str
    n_rows: int
    n_values: Mapping[str, int]


def _count_values(connection: duckdb.DuckDBPyConnection, relation: str, names: Sequence[str]) -> list[_FileValues]:
    counts = "".join(f", count({identifier(name)})" for name in names)
    rows = connection.execute(
        f"SELECT _file_sha256, count(*){counts} FROM {relation} GROUP BY 1 ORDER BY min(_landed_seq)"
    ).fetchall()
    return [_FileValues(row[0], row[1], dict(zip(names, row[2:], strict=True))) for row in rows]


def _null_shares(view: CandidateView, files: Sequence[_FileValues], names: Collection[str]) -> Mapping[str, float]:
    """How likely a row without the value is: by Laplace's rule, as few rows prove little."""
    served = {column.name for column in view.base_receipt.columns} if view.base_receipt else set()
    compared = sorted(served & set(names))
    before = _count_values(view.connection, view.base, compared) if view.base and compared else []
    shares = {}
    for name in names:
        judged = before if before and name in served else files
        n_rows, n_values = sum(file.n_rows for file in judged), sum(file.n_values[name] for file in judged)
        nowhere = judged is files and not n_values
        shares[name] = 0.0 if nowhere else (n_rows - n_values + 1) / (n_rows + 2)
    return shares


def read_ledger_file(view: CandidateView) -> Sequence[LedgerEntry]:
    """Returns the ledger that the candidate brings along."""
    return [LedgerEntry.model_validate_json(line) for line in _lines(view, FileRole.LEDGER)]


def read_quarantine_file(view: CandidateView) -> Sequence[RowAddress]:
    """Returns the addresses of rejected rows that the candidate brings along."""
    return [RowAddress.model_validate_json(line) for line in _lines(view, FileRole.QUARANTINE)]


def archived_path(archive: Path, sha256: str) -> Path:
    """Returns where a landed file's bytes are kept."""
    return archive / sha256[:2] / sha256


def _lines(view: CandidateView, role: FileRole) -> list[str]:
    names = [file.name for file in view.manifest.files_of(role)]
    return [line for name in names for line in (view.folder / name).read_text(encoding="utf-8").splitlines()]


@dataclass(frozen=True)
class _PublishedRows:
    """The rows of one landed file; `file` is the name that all of them say, `None` where they differ."""

    n_rows: int
    file: str | None = None
    n_lines: int = 0
    first_line: int = 1
    n_in_quarantine: int = 0


def _published_rows(
    connection: duckdb.DuckDBPyConnection, relation: str, quarantined: Mapping[str, set[int | None]]
) -> dict[str, _PublishedRows]:
    import pyarrow

    bad = [(sha256, line) for sha256, lines in quarantined.items() for line in lines if line is not None]
    columns = {"sha256": [sha256 for sha256, _ in bad], "line": [line for _, line in bad]}
    types = {"sha256": pyarrow.string(), "line": pyarrow.int64()}
    connection.register("_bad", pyarrow.table(columns, schema=pyarrow.schema(types)))
    try:
        rows = connection.execute(
            f"""SELECT _file_sha256, count(*),
                if(count(DISTINCT _file) = 1 AND count(_file) = count(*), min(_file), NULL),
                count(DISTINCT _line), coalesce(min(_line), 1), count(bad.line)
            FROM {relation} LEFT JOIN _bad AS bad ON bad.sha256 = _file_sha256 AND bad.line = _line GROUP BY 1"""
        ).fetchall()
    finally:
        connection.unregister("_bad")
    return {sha256: _PublishedRows(*counted) for sha256, *counted in rows}


def _quarantined_lines(addresses: Sequence[RowAddress]) -> dict[str, set[int | None]]:
    lines: dict[str, set[int | None]] = {}
    for address in addresses:
        lines.setdefault(address.file_sha256, set()).add(address.line)
    return lines


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return int(row[0])
