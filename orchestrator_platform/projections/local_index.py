"""One folder that answers searches in one version of an embedding: a matrix of vectors, postings of words, the rows.

It is written once, beside where it will be, and never changed. Knows neither which version serves nor who asks.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import duckdb

from ..errors import TargetFailed
from ..lake.layout import LakeLayout
from ..lake.readers import attach_statement
from ..lake.session import EXTENSIONS, FULL_TEXT, connect
from ..learning.prepared_text import TEXT, prepared_texts
from ..records.embeddings import CHUNK, EMBEDDER, RESERVED, VECTOR, EmbeddingOptions
from ..sql import identifier, read_columns
from ..storage import writing
from .condition_rows import ROWS
from .index_meta import (
    BOUNDS,
    IN_USE,
    POSTED,
    ROWS_FILE,
    SHOWN,
    SHOWN_ENDS,
    STARTS,
    STOP_WORDS,
    VECTORS,
    WEIGHTS,
    WORDS,
    IndexMeta,
    seal_folder,
)
from .made_from import Made
from .shown_rows import write_lines
from .word_index import write_words

if TYPE_CHECKING:
    import numpy as np

# Each row's number, by which everything else names it: a column of its own, since a source may have a `rowid`.
NUMBER = f"{RESERVED}row"
_BATCH_ROWS = 8_192
# Vectors of unit length in float32 differ from it by far less.
_UNIT_TOLERANCE = 1e-3


def write_index(folder: Path, made: Made, options: EmbeddingOptions, layout: LakeLayout) -> IndexMeta:
    """Writes a new folder out of the lake and checks it; its description comes last, so that half of one is none.

    Raises:
        TargetFailed: The vectors or the rows are not what an embedding's are.
        StorageFailed: The folder cannot be written.
    """
    with writing(folder):
        folder.mkdir(parents=True)
        (folder / IN_USE).touch()
        with closing(connect(folder / ROWS_FILE, (*EXTENSIONS, FULL_TEXT))) as connection:
            connection.execute(attach_statement(layout, made.snapshot, "vectors_of"))
            connection.execute(attach_statement(layout, made.source_snapshot, "texts_of"))
            meta = _Writing(connection, folder, made, options).write()
            for name in ("vectors_of", "texts_of"):
                connection.execute(f"DETACH {name}")
        return seal_folder(folder, meta)


def shown_columns(said: EmbeddingOptions | IndexMeta) -> tuple[str, ...]:
    """Returns the source's columns that results need, each once: key, title, and those that the component lists."""
    return tuple(dict.fromkeys([*said.key, *([said.title] if said.title else []), *said.show]))


class _Writing:
    def __init__(
        self, connection: duckdb.DuckDBPyConnection, folder: Path, made: Made, options: EmbeddingOptions
    ) -> None:
        self.connection, self.folder, self.made, self.options = connection, folder, made, options
        self.asset = made.receipt.asset
        self.embedding = f"vectors_of.{self.asset.quoted}"
        self.source = f"texts_of.{options.source.quoted}"
        self.key = ", ".join(identifier(name) for name in options.key)

    def write(self) -> IndexMeta:
        n_rows, embedder = self._write_rows()
        n_vectors, dim = self._write_vectors()
        self._write_starts(n_rows, n_vectors)
        self._write_words(n_rows)
        return IndexMeta(
            asset=self.asset,
            data_version=self.made.receipt.data_version,
            embedder=embedder,
            dim=dim,
            n_vectors=n_vectors,
            n_rows=n_rows,
            source=self.options.source,
            source_version=self.made.source_version,
            key=self.options.key,
            title=self.options.title,
            show=self.options.show,
            has_shown=self._write_shown(),
            columns=read_columns(self.connection, f"(SELECT * EXCLUDE ({NUMBER}) FROM {ROWS})"),
        )

    def _write_rows(self) -> tuple[int, str]:
        """One row for each key, numbered from 0 on in its order."""
        key, embedding = self.key, self.embedding
        self.connection.execute(
            f"CREATE TABLE {ROWS} AS SELECT row_number() OVER (ORDER BY {key}) - 1 AS {NUMBER}, {key},"
            f" s.* EXCLUDE ({key}) FROM (SELECT DISTINCT {key} FROM {embedding})"
            f" LEFT JOIN {self.source} AS s USING ({key}) ORDER BY {key}"
        )
        counted = self._one(
            f"SELECT (SELECT count(*) FROM {ROWS}), (SELECT count(*) FROM (SELECT DISTINCT {key} FROM {embedding})),"
            f" (SELECT count(DISTINCT {EMBEDDER}) FROM {embedding}), (SELECT any_value({EMBEDDER}) FROM {embedding})"
        )
        n_rows, n_keys, n_embedders, embedder = counted
        if n_rows != n_keys:
            raise self._failed(f"{self.options.source} has {n_rows:,} rows for {n_keys:,} keys")
        if n_embedders > 1:
            raise self._failed(f"its vectors are of {n_embedders} embedders")
        return int(n_rows), embedder or ""

    def _write_vectors(self) -> tuple[int, int]:
        import numpy as np

        n_vectors, dim, other = self._one(
            f"SELECT count(*), coalesce(max(len({VECTOR})), 0), coalesce(min(len({VECTOR})), 0) FROM {self.embedding}"
        )
        if dim != other:
            raise self._failed(f"its vectors have between {other} and {dim} dimensions")
        reader = self.connection.execute(
            f"SELECT {VECTOR} FROM {self.embedding} ORDER BY {self.key}, {CHUNK}"
        ).to_arrow_reader(_BATCH_ROWS)
        done = 0
        # An empty file cannot be mapped; one row that nothing counts can.
        shape = (max(n_vectors, 1), max(dim, 1))
        with _new_array(self.folder / VECTORS, shape, np.dtype(np.float32)) as matrix:
            for batch in reader:
                values = batch.column(0).flatten().to_numpy(zero_copy_only=False)
                part = np.asarray(values, dtype=np.float32).reshape(-1, dim)
                lengths = np.linalg.norm(part, axis=1)
                if not np.all(np.abs(lengths - 1) <= _UNIT_TOLERANCE):
                    raise self._failed("a vector is not of unit length, or holds what is no number")
                matrix.write(part.tobytes())
                done += len(part)
            if not n_vectors:
                matrix.write(np.zeros(shape, dtype=np.float32).tobytes())
        if done != n_vectors:
            raise self._failed(f"{done:,} of {n_vectors:,} vectors could be read")
        return int(n_vectors), int(dim)

    def _write_starts(self, n_rows: int, n_vectors: int) -> None:
        import numpy as np

        if n_rows == n_vectors:
            starts = np.arange(n_rows, dtype=np.int64)
        else:
            counts = self.connection.execute(
                f"SELECT count(*) AS n FROM {self.embedding} GROUP BY {self.key} ORDER BY {self.key}"
            ).fetchnumpy()["n"]
            starts = np.concatenate([[0], np.cumsum(np.asarray(counts, dtype=np.int64))[:-1]]).astype(np.int64)
        _save(self.folder / STARTS, starts)

    def _write_words(self, n_rows: int) -> None:
        """Searched by their words are the key, the title and the text that was embedded."""
        named = [name for name in (*self.options.key, self.options.title) if name]
        said = [f"r.{identifier(name)}::VARCHAR" for name in named if name not in self.options.text_columns]
        whole = ", ".join([*said, f"p.{TEXT}"])
        same = " AND ".join(f"r.{identifier(name)} = p.{identifier(name)}" for name in self.options.key)
        texts = (
            f"SELECT r.{NUMBER} AS number, concat_ws(' ', {whole}) AS text"
            f" FROM {ROWS} AS r LEFT JOIN {prepared_texts(self.options, ROWS)} AS p ON {same}"
        )
        words, posted, weights = write_words(self.connection, texts, n_rows)
        arrays: dict[str, Any] = {POSTED: posted, WEIGHTS: weights, WORDS: words.numbers, BOUNDS: words.bounds}
        for name, values in arrays.items():
            _save(self.folder / name, values)
        (self.folder / STOP_WORDS).write_text("\n".join(sorted(words.stop_words)), encoding="utf-8")

    def _write_shown(self) -> bool:
        listed = ", ".join(identifier(name) for name in shown_columns(self.options))
        cursor = self.connection.execute(f"SELECT {listed} FROM {ROWS} ORDER BY {NUMBER}")
        rows = (row for batch in iter(lambda: cursor.fetchmany(_BATCH_ROWS), []) for row in batch)
        ends = write_lines(self.folder / SHOWN, rows)
        if ends is None:
            (self.folder / SHOWN).unlink()
            return False
        _save(self.folder / SHOWN_ENDS, ends)
        return True

    def _one(self, sql: str) -> tuple[Any, ...]:
        row = self.connection.execute(sql).fetchone()
        assert row is not None
        return row

    def _failed(self, problem: str) -> TargetFailed:
        return TargetFailed(
            target=f"local:{self.asset}",
            problem=problem,
            fix=f"Judge what is published: `orchestrator check {self.asset}`.",
        )


@contextmanager
def _new_array(file: Path, shape: tuple[int, ...], dtype: "np.dtype[Any]") -> Iterator[BinaryIO]:
    """Gives the body a file whose values follow. It is written, not mapped: a full disk must not kill the process."""
    import numpy as np

    with file.open("wb") as opened:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(opened, header)
        yield opened


def _save(file: Path, values: "np.ndarray[Any, np.dtype[Any]]") -> None:
    with _new_array(file, values.shape, values.dtype) as opened:
        opened.write(values.tobytes())
