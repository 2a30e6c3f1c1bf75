"""Landing: new files of a source become one raw candidate, a ledger and addresses of what is not in it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from ..audits.raw_checks import archived_path
from ..lake.session import ONE_ROW_GROUP, suit_threads
from ..reading.read_files import FileRead, FileToRead
from ..records.candidates import FileRole
from ..records.contracts import Contract
from ..records.declarations import AssetDeclaration, OnDrift, SourceBuild, SourceOptions
from ..records.ledger import FileState, LedgerEntry, RowAddress
from .intake import Intake, TakenFile, duplicate_rows
from .split import EXTRA_COLUMN, PLATFORM_COLUMNS, Splitter, read_for


@dataclass(frozen=True)
class Landing:
    """What reading the files gave. `relation` holds the accepted rows, `None` where there are none."""

    relation: str | None
    ledger: tuple[LedgerEntry, ...]
    rejected: tuple[RowAddress, ...]
    attachments: tuple[tuple[Path, FileRole, int], ...]
    extra_columns: tuple[str, ...]

    @property
    def reasons(self) -> dict[str, int]:
        return dict(Counter(address.rule for address in self.rejected))


def raw_contract(contract: Contract, options: SourceOptions) -> Contract:
    """Returns the source's contract with the platform's columns; a log without a grain has its sequence."""
    extra = (EXTRA_COLUMN,) if options.on_drift is OnDrift.KEEP_ASIDE else ()
    return contract.model_copy(
        update={
            "columns": (*contract.columns, *PLATFORM_COLUMNS, *extra),
            "grain": contract.grain or ("_landed_seq",),
        }
    )


def land_files(
    connection: duckdb.DuckDBPyConnection,
    declaration: AssetDeclaration,
    intake: Intake,
    known: Sequence[LedgerEntry],
    scratch: Path,
    archive: Path,
    *,
    published: bool,
    now: datetime,
    on_progress: Callable[[int, int], None] | None = None,
) -> Landing:
    """Reads the fresh files and splits their rows by the contract. Writes only below `scratch`."""
    build = declaration.build
    assert isinstance(build, SourceBuild)
    splitter = Splitter(connection, declaration.contract, build.options, scratch)
    files = [FileToRead(archived_path(archive, t.sha256), t.landed.name, t.sha256) for t in intake.fresh]
    read = read_for(declaration, files, scratch, on_progress)
    if (n_rows := sum(file.n_rows for file in read)) > ONE_ROW_GROUP:
        suit_threads(connection, n_rows)
    rejected, refused = splitter.split(read)
    relation = splitter.accepted(read, files, refused, published=published)
    bad = _addresses(read, intake.fresh, rejected, refused, build)
    ledger = _ledger(declaration, build, intake, known, read, bad, refused, now)
    attachments = _attachments(scratch, ledger, bad)
    extra = tuple(sorted({name for file in read for name in file.extra_columns}))
    accepted = relation if any(entry.n_published for entry in ledger) else None
    return Landing(accepted, ledger, bad, attachments, extra)


def _addresses(
    read: Sequence[FileRead],
    fresh: Sequence[TakenFile],
    rejected: Sequence[tuple[str, int, str, str]],
    refused: set[str],
    build: SourceBuild,
) -> tuple[RowAddress, ...]:
    names = {taken.sha256: taken.landed.name for taken in fresh}
    addresses = [address for file in read for address in (*file.rejected, *([file.refused] if file.refused else []))]
    addresses += [
        RowAddress(source=build.name, file=names[sha256], file_sha256=sha256, line=line, rule=rule, reason=reason)
        for sha256, line, rule, reason in rejected
    ]
    limit = 0.0 if build.options.bad_rows == "reject_file" else build.options.max_bad_share
    addresses += [
        RowAddress(
            source=build.name,
            file=names[sha256],
            file_sha256=sha256,
            line=None,
            rule="share of bad rows",
            reason=f"more than {limit:.0%} of the file's rows are bad, so none was published",
        )
        for sha256 in sorted(refused)
    ]
    return tuple(addresses)


def _ledger(
    declaration: AssetDeclaration,
    build: SourceBuild,
    intake: Intake,
    known: Sequence[LedgerEntry],
    read: Sequence[FileRead],
    bad: Sequence[RowAddress],
    refused: set[str],
    now: datetime,
) -> tuple[LedgerEntry, ...]:
    bad_lines: dict[str, set[int]] = {}
    for address in bad:
        if address.line is not None:
            bad_lines.setdefault(address.file_sha256, set()).add(address.line)
    by_hash = {file.sha256: file for file in read}
    entries = []
    for taken in intake.fresh:
        file = by_hash[taken.sha256]
        whole = file.refused is not None or taken.sha256 in refused
        n_bad = file.n_rows if whole else len(bad_lines.get(taken.sha256, ()))
        entries.append(
            _entry(
                declaration, build, taken, now,
                state=FileState.REFUSED if whole else FileState.LANDED,
                n_rows=file.n_rows, n_published=file.n_rows - n_bad, n_quarantined=n_bad,
            )
        )  # fmt: skip
    batch = {file.sha256: file.n_rows for file in read}
    for taken in intake.duplicates:
        n_rows = duplicate_rows(known, batch, taken)
        entries.append(
            _entry(declaration, build, taken, now, state=FileState.DUPLICATE, n_rows=n_rows, n_duplicate=n_rows)
        )
    return tuple(entries)


def _entry(
    declaration: AssetDeclaration,
    build: SourceBuild,
    taken: TakenFile,
    now: datetime,
    *,
    state: FileState,
    n_rows: int,
    n_published: int = 0,
    n_quarantined: int = 0,
    n_duplicate: int = 0,
) -> LedgerEntry:
    return LedgerEntry(
        source=build.name,
        asset=declaration.key,
        file=taken.landed.name,
        file_sha256=taken.sha256,
        identity=taken.landed.arrival,
        size_bytes=taken.landed.size_bytes,
        state=state,
        n_rows=n_rows,
        n_published=n_published,
        n_quarantined=n_quarantined,
        n_duplicate=n_duplicate,
        landed_at=now,
    )


def _attachments(
    scratch: Path, ledger: Sequence[LedgerEntry], bad: Sequence[RowAddress]
) -> tuple[tuple[Path, FileRole, int], ...]:
    written = []
    for name, role, records in (("ledger", FileRole.LEDGER, ledger), ("quarantine", FileRole.QUARANTINE, bad)):
        path = scratch / f"{name}.jsonl"
        path.write_text("".join(record.canonical_json() + "\n" for record in records), encoding="utf-8")
        written.append((path, role, len(records)))
    return tuple(written)
