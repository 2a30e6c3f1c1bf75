"""Parquet: columns by name, values as text without loss. Trusts no size that the file states."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
from pyarrow import types

from .arrow_text import check_type, plain_value, text_column
from .file_rows import FileRows
from .json_values import compact
from .plain_bytes import plain_pieces
from .refusals import FileRefused
from .table_header import Header, check_header

# A page can repeat one large value for all its rows, so few rows are decoded at a time.
_BATCH_RECORDS = 4_096


def read_parquet(path: Path, compression: str | None, rows: FileRows) -> None:
    """Reads all rows.

    Raises:
        FileRefused: It is no Parquet, says that it is over a limit, or has a type that is not text.
    """
    limits = rows.spec.limits
    with plain_file(path, compression, limits.size_bytes) as plain, opened(plain) as file:
        if file.metadata.num_rows > limits.n_rows:
            raise FileRefused("rows", f"it declares {file.metadata.num_rows} rows, the limit is {limits.n_rows}")
        header = check_header(file.schema_arrow.names, rows)
        fields = [
            name for name in header.names if name in header.wanted or rows.spec.keep_extra or rows.spec.record_column
        ]
        for name in fields:
            check_type(name, file.schema_arrow.field(name).type)
        _read_batches(file, fields, header, rows)


def _read_batches(file: pyarrow.parquet.ParquetFile, fields: list[str], header: Header, rows: FileRows) -> None:
    n_bytes = 0
    batches = file.iter_batches(batch_size=_BATCH_RECORDS, columns=fields, use_threads=False)
    while True:
        try:
            batch = next(batches, None)
        except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError, OSError) as error:
            raise FileRefused("parquet", "the data cannot be decoded") from error
        if batch is None:
            break
        n_bytes += batch.nbytes
        if n_bytes > rows.spec.limits.size_bytes:
            raise FileRefused("size", f"more than {rows.spec.limits.size_bytes} bytes when decoded")
        rows.count(batch.num_rows)
        _write_batch(batch, rows.n_rows - batch.num_rows, header, rows)
    # A damaged footer can leave rows out without any other sign.
    if rows.n_rows != file.metadata.num_rows:
        raise FileRefused("parquet", f"its footer declares {file.metadata.num_rows} rows, it holds {rows.n_rows}")


def _write_batch(batch: pyarrow.RecordBatch, before: int, header: Header, rows: FileRows) -> None:
    spec = rows.spec
    bad: dict[int, tuple[str, str]] = {}
    columns = [text_column(batch.column(name), bad) for name in header.wanted]
    if spec.record_column:
        columns.append(_as_json(batch, header.names, bad))
    if spec.keep_extra:
        keeps = header.extra and spec.watches_extra
        columns.append(_as_json(batch, header.extra, bad) if keeps else [None] * batch.num_rows)
    limit = spec.limits.field_bytes
    for column in columns:
        for index, value in enumerate(column):
            if value is not None and len(value) * 4 > limit and len(value.encode()) > limit:
                bad[index] = ("field size", f"a value of more than {limit} bytes")
    for index, (rule, reason) in sorted(bad.items()):
        rows.reject(before + index + 1, rule, reason)
    good = [index for index in range(batch.num_rows) if index not in bad]
    kept = [[column[index] for index in good] for column in columns] if bad else columns
    rows.write([before + index + 1 for index in good], kept, look_for_nul=True)


def _as_json(batch: pyarrow.RecordBatch, names: Sequence[str], bad: dict[int, tuple[str, str]]) -> list[str | None]:
    made: list[dict[str, Any]] = [{} for _ in range(batch.num_rows)]
    for name in names:
        for index, value in enumerate(_plain_column(batch.column(name), bad)):
            made[index][name] = value
    return [compact(record).decode("utf-8") for record in made]


def _plain_column(array: pyarrow.Array, bad: dict[int, tuple[str, str]]) -> list[Any]:
    if types.is_boolean(array.type) or types.is_integer(array.type):
        return list(array.to_pylist())
    if types.is_nested(array.type) or types.is_floating(array.type) or types.is_decimal(array.type):
        return [plain_value(value, index, bad) for index, value in enumerate(array.to_pylist())]
    return text_column(array, bad)


@contextmanager
def opened(path: Path) -> Iterator[pyarrow.parquet.ParquetFile]:
    """Opens a Parquet file. Raises FileRefused where it is none."""
    try:
        file = pyarrow.parquet.ParquetFile(path, memory_map=False, pre_buffer=False)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError, OSError) as error:
        raise FileRefused("parquet", "it is damaged: its footer cannot be read") from error
    with file:
        yield file


@contextmanager
def plain_file(path: Path, compression: str | None, limit_bytes: int) -> Iterator[Path]:
    """Gives the file itself, or a decompressed copy that is gone afterwards."""
    if compression is None:
        if path.stat().st_size > limit_bytes:
            raise FileRefused("size", f"more than {limit_bytes} bytes")
        yield path
        return
    with tempfile.NamedTemporaryFile(suffix=".parquet") as copy:
        for piece in plain_pieces(path, compression, limit_bytes):
            copy.write(piece)
        copy.flush()
        yield Path(copy.name)
