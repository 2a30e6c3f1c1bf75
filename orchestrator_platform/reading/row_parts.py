"""Rows as Parquet part files, in the order in which they come, so that one file's rows can still be dropped.

Rows of a small file wait in memory until the file is done; those of a large one go to a part file of
their own. A part gets its final name when it is whole.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow
import pyarrow.parquet

from .read_spec import ReadSpec
from .refusals import ReadingFailed

FILE_SHA256, LINE, EXTRA = "_file_sha256", "_line", "_extra"
_OWN_PART_BYTES = 32 << 20
_ROW_GROUP_BYTES = 48 << 20
_ROW_GROUP_ROWS = 122_880
_PART_BYTES = 1 << 30


def output_schema(spec: ReadSpec) -> pyarrow.Schema:
    """Returns the columns of the output: the address, the declared columns, the record, what was kept aside."""
    names = [column.name for column in spec.columns]
    names += [spec.record_column] if spec.record_column else []
    names += [EXTRA] if spec.keep_extra else []
    return pyarrow.schema(
        [
            pyarrow.field(FILE_SHA256, pyarrow.string(), nullable=False),
            pyarrow.field(LINE, pyarrow.int64(), nullable=False),
            *(pyarrow.field(name, pyarrow.large_string()) for name in names),
        ]
    )


class RowParts:
    """Writes `rows-00001.parquet` and so on. `on_closed` is called when all rows kept so far are in whole parts."""

    def __init__(self, spec: ReadSpec, on_closed: Callable[[], None]) -> None:
        self.schema, self.folder, self.on_closed = output_schema(spec), Path(spec.output), on_closed
        self._number = spec.first_part
        self._writer: pyarrow.parquet.ParquetWriter | None = None
        self._written_bytes = 0
        self._finished = _Pending()
        self._current = _Pending()
        self._has_own_part = False

    def add(self, sha256: str, lines: Sequence[int], columns: Sequence[Sequence[str | bytes | None]]) -> None:
        """Takes rows of the current file."""
        arrays = [
            pyarrow.repeat(pyarrow.scalar(sha256, pyarrow.string()), len(lines)),
            pyarrow.array(lines, pyarrow.int64()),
            *(pyarrow.array(column, pyarrow.large_string()) for column in columns),
        ]
        self._current.add(pyarrow.RecordBatch.from_arrays(arrays, schema=self.schema))
        if not self._has_own_part and self._current.n_bytes > _OWN_PART_BYTES:
            self.close()
            self._has_own_part = True
        if self._has_own_part and self._current.is_full:
            self._write(self._current)

    def keep_file(self) -> None:
        """The current file is done and its rows count."""
        if self._has_own_part:
            self._write(self._current)
            self._close_part()
            self._has_own_part = False
            self.on_closed()
            return
        self._finished.take(self._current)
        if self._finished.is_full:
            self._write(self._finished)
            if self._written_bytes > _PART_BYTES:
                self._close_part()
                self.on_closed()

    def drop_file(self) -> None:
        """No row of the current file counts."""
        self._current.clear()
        if self._has_own_part:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
            self._partial.unlink(missing_ok=True)
            self._written_bytes = 0
            self._has_own_part = False

    def close(self) -> None:
        """Writes what waits of finished files."""
        self._write(self._finished)
        self._close_part()
        self.on_closed()

    @property
    def n_parts(self) -> int:
        """How many part files there are, those of earlier processes included."""
        return self._number - 1

    @property
    def _target(self) -> Path:
        return self.folder / f"rows-{self._number:05d}.parquet"

    @property
    def _partial(self) -> Path:
        return self._target.with_suffix(".parquet.partial")

    def _write(self, pending: "_Pending") -> None:
        if not pending.batches:
            return
        try:
            if self._writer is None:
                self._writer = pyarrow.parquet.ParquetWriter(
                    self._partial,
                    self.schema,
                    compression="zstd",
                    compression_level=1,
                    use_dictionary=[FILE_SHA256],
                    write_statistics=[FILE_SHA256, LINE],
                    store_schema=False,
                )
            table = pyarrow.Table.from_batches(pending.batches, schema=self.schema)
            self._writer.write_table(table, row_group_size=_ROW_GROUP_ROWS)
        except (OSError, pyarrow.ArrowInvalid) as error:
            raise ReadingFailed(f"{self._partial}: {error}") from error
        self._written_bytes += pending.n_bytes
        pending.clear()

    def _close_part(self) -> None:
        if self._writer is None:
            return
        try:
            self._writer.close()
            self._partial.replace(self._target)
        except OSError as error:
            raise ReadingFailed(f"{self._target}: {error}") from error
        self._writer = None
        self._written_bytes = 0
        self._number += 1


class _Pending:
    """Rows in memory that are not written yet."""

    def __init__(self) -> None:
        self.batches: list[pyarrow.RecordBatch] = []
        self.n_bytes = self.n_rows = 0

    @property
    def is_full(self) -> bool:
        return self.n_bytes > _ROW_GROUP_BYTES or self.n_rows >= _ROW_GROUP_ROWS

    def add(self, batch: pyarrow.RecordBatch) -> None:
        self.batches.append(batch)
        self.n_bytes += batch.nbytes
        self.n_rows += batch.num_rows

    def take(self, other: "_Pending") -> None:
        for batch in other.batches:
            self.add(batch)
        other.clear()

    def clear(self) -> None:
        self.batches.clear()
        self.n_bytes = self.n_rows = 0
