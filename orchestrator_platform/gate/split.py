"""Reads files of a source and splits their rows by the contract in force: for landings, and for rows judged again."""

from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb

from ..contracts.evaluate import failing_rows
from ..reading.read_files import FileRead, FileToRead, read_files
from ..reading.typed_columns import typed_value_sql, untyped_predicate_sql
from ..records.contracts import Column, Contract
from ..records.declarations import AssetDeclaration, OnDrift, SourceBuild, SourceOptions
from ..sql import identifier, literal


def _place(name: str, type_: str, description: str) -> Column:
    return Column(name=name, type=type_, nullable=False, description=description, sequence=True)


PLATFORM_COLUMNS = (
    _place("_landed_seq", "BIGINT", "place in the order of landing, from 1"),
    _place("_file", "VARCHAR", "the landed file's name"),
    _place("_file_sha256", "VARCHAR", "the sha256 of the landed file"),
    _place("_line", "BIGINT", "line, or ordinal of the record, from 1"),
)
EXTRA_COLUMN = Column(name="_extra", type="VARCHAR", description="columns that the contract does not name, as JSON")


def read_for(
    declaration: AssetDeclaration,
    files: Sequence[FileToRead],
    scratch: Path,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[FileRead, ...]:
    """Reads the files as text into `scratch`, where a splitter finds them."""
    build = declaration.build
    assert isinstance(build, SourceBuild)
    output = scratch / "read"
    output.mkdir(parents=True)
    wanted = [column for column in source_columns(declaration.contract) if column.name != build.options.record_column]
    return read_files(build.name, files, wanted, build.options, output, on_progress=on_progress)


def source_columns(contract: Contract) -> list[Column]:
    """Returns the columns that files bring along."""
    added = {column.name for column in PLATFORM_COLUMNS} | {EXTRA_COLUMN.name}
    return [column for column in contract.columns if column.name not in added]


class Splitter:
    """Splits what was read into accepted and rejected rows, in SQL.

    `narrow` is a predicate over `_file_sha256` and `_line`: other rows are not looked at.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        contract: Contract,
        options: SourceOptions,
        scratch: Path,
        narrow: str = "true",
    ) -> None:
        self.connection, self.contract, self.options, self.scratch = connection, contract, options, scratch
        self.columns, self.narrow = source_columns(contract), narrow

    def split(self, read: Sequence[FileRead]) -> tuple[list[tuple[str, int, str, str]], set[str]]:
        """Returns (file, line, rule, reason) of every rejected row, and the files over the share of bad rows."""
        files = sorted((self.scratch / "read").glob("*.parquet"))
        if not files:
            return [], set()
        listed = ", ".join(literal(str(file)) for file in files)
        self.connection.execute(f"CREATE TEMP VIEW _read AS FROM read_parquet([{listed}]) WHERE {self.narrow}")
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
        self, read: Sequence[FileRead], files: Sequence[FileToRead], refused: set[str], *, published: bool
    ) -> str | None:
        """Creates the view of accepted rows in the order of landing, numbered on from the base."""
        if not any(file.n_written for file in read):
            return None
        import pyarrow

        good = [file for file in files if file.sha256 not in refused]
        frame = pyarrow.table(
            {
                "sha256": pyarrow.array([file.sha256 for file in good], pyarrow.string()),
                "name": pyarrow.array([file.name for file in good], pyarrow.string()),
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
