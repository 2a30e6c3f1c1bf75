"""Landing: new files of a source become one raw candidate, a ledger and addresses of what is not in it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from ..audits.raw_checks import archived_path
from ..contracts.evaluate import failing_rows
from ..reading.read_files import FileRead, FileToRead, read_files
from ..reading.typed_columns import typed_value_sql, untyped_predicate_sql
from ..records.candidates import FileRole
from ..records.contracts import Column, Contract
from ..records.declarations import AssetDeclaration, OnDrift, SourceBuild, SourceOptions
from ..records.ledger import FileState, LedgerEntry, RowAddress
from ..sql import identifier, literal
from .intake import Intake, TakenFile, duplicate_rows


def _place(name: str, type_: str, description: str) -> Column:
    return Column(name=name, type=type_, nullable=False, description=description, sequence=True)


PLATFORM_COLUMNS = (
    _place("_landed_seq", "BIGINT", "place in the order of landing, from 1"),
    _place("_file", "VARCHAR", "the landed file's name"),
    _place("_file_sha256", "VARCHAR", "the sha256 of the landed file"),
    _place("_line", "BIGINT", "line, or ordinal of the record, from 1"),
)
EXTRA_COLUMN = Column(name="_extra", type="VARCHAR", description="columns that the contract does not name, as JSON")


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
    splitter = _Splitter(connection, declaration.contract, build.options, scratch)
    read = _read(declaration, build, intake.fresh, scratch, archive, on_progress)
    rejected, refused = splitter.split(read)
    relation = splitter.accepted(read, intake.fresh, refused, published=published)
    bad = _addresses(read, intake.fresh, rejected, refused, build)
    ledger = _ledger(declaration, build, intake, known, read, bad, refused, now)
    attachments = _attachments(scratch, ledger, bad)
    extra = tuple(sorted({name for file in read for name in file.extra_columns}))
    accepted = relation if any(entry.n_published for entry in ledger) else None
    return Landing(accepted, ledger, bad, attachments, extra)


def _read(
    declaration: AssetDeclaration,
    build: SourceBuild,
    fresh: Sequence[TakenFile],
    scratch: Path,
    archive: Path,
    on_progress: Callable[[int, int], None] | None,
) -> tuple[FileRead, ...]:
    output = scratch / "read"
    output.mkdir(parents=True)
    files = [FileToRead(archived_path(archive, t.sha256), t.landed.name, t.sha256) for t in fresh]
    wanted = [column for column in _source_columns(declaration.contract) if column.name != build.options.record_column]
    return read_files(build.name, files, wanted, build.options, output, on_progress=on_progress)


def _source_columns(contract: Contract) -> list[Column]:
    added = {column.name for column in PLATFORM_COLUMNS} | {EXTRA_COLUMN.name}
    return [column for column in contract.columns if column.name not in added]


class _Splitter:
    """Splits what was read into accepted and rejected rows, in SQL."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, contract: Contract, options: SourceOptions, scratch: Path
    ) -> None:
        self.connection, self.contract, self.options, self.scratch = connection, contract, options, scratch
        self.columns = _source_columns(contract)

    def split(self, read: Sequence[FileRead]) -> tuple[list[tuple[str, int, str, str]], set[str]]:
        """Returns (file, line, rule, reason) of every rejected row, and the files over the share of bad rows."""
        files = sorted((self.scratch / "read").glob("*.parquet"))
        if not files:
            return [], set()
        listed = ", ".join(literal(str(file)) for file in files)
        self.connection.execute(f"CREATE TEMP VIEW _read AS FROM read_parquet([{listed}])")
        extra = [EXTRA_COLUMN] if self.options.on_drift is OnDrift.KEEP_ASIDE else []
        typed = ", ".join(
            f"{typed_value_sql(column.name, column.type)} AS {identifier(column.name)}"
            for column in (*self.columns, *extra)
        )
        self.connection.execute(f"CREATE TEMP VIEW _typed AS SELECT {typed}, _file_sha256, _line FROM _read")
        rejected = [*self._untyped(), *self._failing()]
        self._keep_bad(rejected)
        return rejected, self._over_share(read, rejected)

    def _untyped(self) -> list[tuple[str, int, str, str]]:
        found = []
        for column in self.columns:
            rows = self.connection.execute(
                "SELECT _file_sha256, _line FROM _read WHERE " + untyped_predicate_sql(column.name, column.type)
            ).fetchall()
            rule, reason = f"{column.name} type", f"not a {column.type}"
            found += [(sha256, line, rule, reason) for sha256, line in rows]
        return found

    def _failing(self) -> list[tuple[str, int, str, str]]:
        contract = self.contract.model_copy(update={"columns": tuple(self.columns)})
        name = failing_rows(self.connection, "_typed", contract, ("_file_sha256", "_line"))
        rows = self.connection.execute(f"SELECT _file_sha256, _line, rule, reason FROM {name}").fetchall()
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    def _keep_bad(self, rejected: Sequence[tuple[str, int, str, str]]) -> None:
        import pyarrow

        rows = sorted({(sha256, line) for sha256, line, _, _ in rejected})
        frame = pyarrow.table(
            {
                "_file_sha256": pyarrow.array([row[0] for row in rows], pyarrow.string()),
                "_line": pyarrow.array([row[1] for row in rows], pyarrow.int64()),
            }
        )
        self.connection.register("_bad_frame", frame)
        self.connection.execute("CREATE TEMP TABLE _bad AS FROM _bad_frame")
        self.connection.unregister("_bad_frame")

    def _over_share(self, read: Sequence[FileRead], rejected: Sequence[tuple[str, int, str, str]]) -> set[str]:
        limit = 0.0 if self.options.bad_rows == "reject_file" else self.options.max_bad_share
        bad: dict[str, set[int]] = {}
        for sha256, line, _, _ in rejected:
            bad.setdefault(sha256, set()).add(line)
        return {
            file.sha256
            for file in read
            if file.n_written and len(bad.get(file.sha256, ())) + (file.n_rows - file.n_written) > limit * file.n_rows
        }

    def accepted(
        self, read: Sequence[FileRead], fresh: Sequence[TakenFile], refused: set[str], *, published: bool
    ) -> str | None:
        """Creates the view of accepted rows in the order of landing, numbered on from the base."""
        if not any(file.n_written for file in read):
            return None
        import pyarrow

        good = [taken for taken in fresh if taken.sha256 not in refused]
        frame = pyarrow.table(
            {
                "sha256": pyarrow.array([taken.sha256 for taken in good], pyarrow.string()),
                "name": pyarrow.array([taken.landed.name for taken in good], pyarrow.string()),
                "ordinal": pyarrow.array(range(len(good)), pyarrow.int64()),
            }
        )
        self.connection.register("_good_frame", frame)
        base = f"(SELECT coalesce(max(_landed_seq), 0) FROM lake.{self.contract.asset.quoted})" if published else "0"
        # Numbered on narrow rows: the records themselves need not be sorted.
        self.connection.execute(
            "CREATE TEMP TABLE _numbered AS SELECT t._file_sha256, t._line, f.name AS _file,"
            f" {base} + row_number() OVER (ORDER BY f.ordinal, t._line) AS _landed_seq"
            " FROM _read AS t JOIN _good_frame AS f ON t._file_sha256 = f.sha256"
            " ANTI JOIN _bad AS b ON b._file_sha256 = t._file_sha256 AND b._line = t._line"
        )
        self.connection.unregister("_good_frame")
        listed = ", ".join(f"t.{identifier(column.name)}" for column in self.columns)
        extra = f", t.{EXTRA_COLUMN.name}" if self.options.on_drift is OnDrift.KEEP_ASIDE else ""
        self.connection.execute(
            f"CREATE TEMP VIEW _accepted AS SELECT {listed},"
            f" n._landed_seq, n._file, n._file_sha256, n._line{extra}"
            " FROM _typed AS t JOIN _numbered AS n ON n._file_sha256 = t._file_sha256 AND n._line = t._line"
        )
        return "_accepted"


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
