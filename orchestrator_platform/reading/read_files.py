"""Files of a source become rows with addresses, as text, in a child process with limits.

Knows neither the lake nor what the rows are for.
"""

import codecs
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DefinitionError
from ..records.contracts import Column
from ..records.declarations import OnDrift, SourceOptions
from ..records.ledger import RowAddress
from .child_process import Event, Stopped, run_reader
from .json_paths import parse_path
from .read_spec import ColumnSpec, CsvSpec, FileSpec, LimitSpec, ReadSpec

ADDRESS_COLUMNS = ("_file_sha256", "_line", "_extra")


@dataclass(frozen=True)
class FileToRead:
    """`name` is what the file was called when it landed, `path` where its bytes are now."""

    path: Path
    name: str
    sha256: str


@dataclass(frozen=True)
class FileRead:
    """What reading a file gave.

    `n_rows` counts the rows seen, rejected ones included. With `refused` no row was written.
    """

    name: str
    sha256: str
    n_rows: int
    n_written: int
    rejected: tuple[RowAddress, ...] = ()
    refused: RowAddress | None = None
    extra_columns: tuple[str, ...] = ()


def read_files(
    source: str,
    files: Sequence[FileToRead],
    columns: Sequence[Column],
    options: SourceOptions,
    output: Path,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[FileRead, ...]:
    """Writes the files' rows as Parquet into `output`, in the order of `files`, then of lines.

    The columns are `_file_sha256`, `_line`, the declared ones as text, the record column, and
    `_extra` where unknown columns are kept aside. A file that cannot be read leaves no row.

    Args:
        on_progress: Called with the number of files read and of all files.

    Raises:
        DefinitionError: A path, a column or an encoding in the options is wrong.
        ReaderFailed: The child process cannot start, or cannot write.
    """
    spec = _read_spec("read", source, files, columns, options, output)
    output.mkdir(parents=True, exist_ok=True)
    _remove_earlier(output)
    if not files:
        return ()
    report = (lambda n: on_progress(n, len(files))) if on_progress else None
    results = run_reader(spec, source, report)
    for partial in output.glob("rows-*.partial"):
        partial.unlink()
    return tuple(_file_read(source, file, results[place]) for place, file in enumerate(files))


def count_records(files: Sequence[FileToRead], options: SourceOptions) -> dict[str, int]:
    """Returns the number of records by the file's sha256, counted anew in a child process.

    What cannot be read to its end counts one more than what could be read.
    """
    if not files:
        return {}
    spec = _read_spec("count", "recount", files, (), options.model_copy(update={"columns": {}}), Path())
    results = run_reader(spec, "recount")
    return {file.sha256: _counted(results[place]) for place, file in enumerate(files)}


def _counted(result: Event | Stopped) -> int:
    return 1 if isinstance(result, Stopped) else int(result["n_rows"])


def _remove_earlier(output: Path) -> None:
    for stale in (*output.glob("rows-*.parquet"), *output.glob("rows-*.partial")):
        stale.unlink()


def _file_read(source: str, file: FileToRead, result: Event | Stopped) -> FileRead:
    if isinstance(result, Stopped):
        address = _address(source, file, None, result.rule, result.reason)
        return FileRead(file.name, file.sha256, n_rows=1, n_written=0, refused=address)
    refused = result["refused"]
    return FileRead(
        name=file.name,
        sha256=file.sha256,
        n_rows=result["n_rows"],
        n_written=result["n_written"],
        rejected=tuple(_address(source, file, *row) for row in result["rejected"]),
        refused=_address(source, file, None, *refused) if refused else None,
        extra_columns=tuple(result["extra"]),
    )


def _address(source: str, file: FileToRead, line: int | None, rule: str, reason: str, position: str = "") -> RowAddress:
    return RowAddress(
        source=source,
        file=file.name,
        file_sha256=file.sha256,
        line=line,
        rule=rule,
        reason=reason,
        position=position,
    )


def _read_spec(
    task: str,
    source: str,
    files: Sequence[FileToRead],
    columns: Sequence[Column],
    options: SourceOptions,
    output: Path,
) -> ReadSpec:
    _check_encoding(source, options)
    specs = _column_specs(source, columns, options)
    values: dict[str, Any] = options.csv.model_dump()
    return ReadSpec(
        task=task,
        files=tuple(FileSpec(str(file.path.absolute()), file.name, file.sha256) for file in files),
        columns=specs,
        record_column=options.record_column,
        keep_extra=options.on_drift is OnDrift.KEEP_ASIDE,
        format=options.format.value if options.format else None,
        csv=CsvSpec(**values),
        limits=LimitSpec(**options.limits.model_dump()),
        output=str(output.absolute()),
    )


def _column_specs(source: str, columns: Sequence[Column], options: SourceOptions) -> tuple[ColumnSpec, ...]:
    names = [column.name for column in columns if column.name != options.record_column]
    reserved = sorted(set(names) & set(ADDRESS_COLUMNS))
    if reserved:
        raise _wrong(source, f"the column name {reserved[0]!r} is taken by the platform", "Rename the column.")
    unknown = sorted(set(options.columns) - set(names))
    if unknown:
        fix = "Add it to the contract, or remove it from `columns`."
        raise _wrong(source, f"`columns` names {unknown[0]!r}, which is no column of the contract", fix)
    return tuple(
        ColumnSpec(name, _steps(source, name, options.columns[name]) if name in options.columns else (name,))
        for name in names
    )


def _steps(source: str, name: str, path: str) -> tuple[str | int, ...]:
    try:
        return parse_path(path)
    except ValueError as error:
        fix = "Write it like `$.a.b[0].c`."
        raise _wrong(source, f"`columns` of {name!r}: {error}", fix) from error


def _check_encoding(source: str, options: SourceOptions) -> None:
    try:
        codecs.lookup(options.csv.encoding)
        "".encode(options.csv.encoding)
    except LookupError as error:
        fix = "Use a name that Python knows, such as utf-8 or cp1252."
        raise _wrong(source, f"`csv.encoding` {options.csv.encoding!r} is no text encoding", fix) from error


def _wrong(source: str, problem: str, fix: str) -> DefinitionError:
    return DefinitionError(file=f"source {source}", problem=problem, fix=fix)
