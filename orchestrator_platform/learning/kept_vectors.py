"""Vectors that one embedder made, by the hash of their text, in Parquet segments: each is whole or not there, and is
named by the hash of its bytes, so that one that was changed or damaged is noticed.

Losing them costs embedding anew and nothing else.
"""

import hashlib
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
from filelock import FileLock

from ..errors import EmbeddingFailed
from ..records.embeddings import N_TOKENS, TEXT_HASH, TRUNCATED, VECTOR
from ..sql import literal
from ..storage import writing
from .embedder import EmbeddedBatch, Embedder
from .prepared_text import hash_text

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

# A killed run loses at most so many vectors; past so many segments they are put together.
SEGMENT_TEXTS = 512
_MOST_SEGMENTS = 48
_COLUMNS = (TEXT_HASH, N_TOKENS, TRUNCATED, VECTOR)
_EMPTY = (
    f"(SELECT ''::VARCHAR AS {TEXT_HASH}, 0::INTEGER AS {N_TOKENS}, false AS {TRUNCATED},"
    f" []::FLOAT[] AS {VECTOR} LIMIT 0)"
)


@dataclass(frozen=True)
class KeptVectors:
    """The segments in one folder, which holds vectors of one embedder alone."""

    folder: Path

    @property
    def lock(self) -> FileLock:
        """Held by whoever reads the segments, and by whoever takes some away."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(self.folder.with_name(f"{self.folder.name}.lock"))

    def relation(self) -> str:
        """Returns what can stand after FROM. A text may be in several segments; damaged ones are removed."""
        segments = [segment for segment in sorted(self.folder.glob("*.parquet")) if _is_sound(segment)]
        if not segments:
            return _EMPTY
        return f"read_parquet([{', '.join(literal(str(segment)) for segment in segments)}])"

    def keep(self, hashes: Sequence[str], batches: Sequence[EmbeddedBatch]) -> None:
        """Writes one segment; `hashes` are those of the texts at the batches' positions."""
        if not batches:
            return
        import pyarrow.parquet as pq

        with new_segment(self.folder) as partial:
            pq.write_table(_table(hashes, batches), partial, compression="zstd", compression_level=1)

    def tidy(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Puts many segments together into one. The caller holds the lock."""
        segments = sorted(self.folder.glob("*.parquet"))
        if len(segments) <= _MOST_SEGMENTS:
            return
        with new_segment(self.folder) as partial:
            connection.execute(
                f"COPY (SELECT DISTINCT ON ({TEXT_HASH}) {', '.join(_COLUMNS)} FROM {self.relation()})"
                f" TO {literal(str(partial))} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
            )
        for segment in segments:
            segment.unlink(missing_ok=True)


@contextmanager
def new_segment(folder: Path) -> Iterator[Path]:
    """Gives the body a file to write in Parquet; it becomes a segment of the folder in one rename."""
    partial = folder / f"{uuid.uuid4().hex}.partial"
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            partial.replace(folder / f"{_hash_of(partial)}.parquet")
        finally:
            partial.unlink(missing_ok=True)


def embed_and_keep(
    kept: KeptVectors, embedder: Embedder, hashes: Sequence[str], texts: Sequence[str], advance: Callable[[int], None]
) -> None:
    """Embeds the texts and keeps what is done, segment by segment; `advance` is told how many were."""
    waiting: list[EmbeddedBatch] = []
    n_waiting = 0
    try:
        for batch in embedder.embed(texts):
            waiting.append(batch)
            n_waiting += len(batch.positions)
            advance(len(batch.positions))
            if n_waiting >= SEGMENT_TEXTS:
                done, waiting, n_waiting = waiting, [], 0
                kept.keep(hashes, done)
    finally:
        # An endpoint that fails after an hour must not cost that hour.
        kept.keep(hashes, waiting)


def vectors_of_texts(
    kept: KeptVectors,
    connection: duckdb.DuckDBPyConnection,
    texts: Sequence[str],
    open_embedder: Callable[[], Embedder],
) -> "npt.NDArray[np.float32]":
    """Returns the vectors of the texts, float32, shape (n, dim), in their order; those that are not kept are embedded.

    Raises:
        EmbeddingFailed: The embedder gave no vector for a text.
        OrchestratorError: The embedder cannot be opened, or failed.
    """
    import numpy as np

    by_hash = {hash_text(text): text for text in texts}
    with kept.lock:
        found = _look_up(kept, connection, list(by_hash))
        missing = {text_hash: text for text_hash, text in by_hash.items() if text_hash not in found}
        if missing:
            embedder = open_embedder()
            embed_and_keep(kept, embedder, list(missing), list(missing.values()), lambda _: None)
            found |= _look_up(kept, connection, list(missing))
            n_without = len(by_hash.keys() - found.keys())
            if n_without:
                problem = f"gave no vector for {n_without} of {len(missing)} texts"
                raise EmbeddingFailed(embedder=embedder.identity.name, problem=problem)
    return np.array([found[hash_text(text)] for text in texts], dtype=np.float32)


def _look_up(kept: KeptVectors, connection: duckdb.DuckDBPyConnection, hashes: Sequence[str]) -> dict[str, list[float]]:
    rows = connection.execute(
        f"SELECT DISTINCT ON ({TEXT_HASH}) {TEXT_HASH}, {VECTOR} FROM {kept.relation()}"
        f" SEMI JOIN (SELECT unnest(?::VARCHAR[]) AS {TEXT_HASH}) USING ({TEXT_HASH})",
        [list(hashes)],
    ).fetchall()
    return dict(rows)


def _table(hashes: Sequence[str], batches: Sequence[EmbeddedBatch]) -> "pa.Table":
    import numpy as np
    import pyarrow as pa

    vectors = np.ascontiguousarray(np.concatenate([batch.vectors for batch in batches]), dtype=np.float32)
    n_rows, dim = vectors.shape
    offsets = pa.array(np.arange(0, (n_rows + 1) * dim, dim, dtype=np.int32))
    return pa.table(
        {
            TEXT_HASH: pa.array([hashes[place] for batch in batches for place in batch.positions.tolist()]),
            N_TOKENS: pa.array(np.concatenate([batch.n_tokens for batch in batches]).astype(np.int32)),
            TRUNCATED: pa.array(np.concatenate([batch.truncated for batch in batches]).astype(bool)),
            VECTOR: pa.ListArray.from_arrays(offsets, pa.array(vectors.reshape(-1))),
        }
    )


def _is_sound(segment: Path) -> bool:
    # The auditor looks at a sample alone: a wrong vector that is recalled could be published.
    with suppress(FileNotFoundError):
        if _hash_of(segment) == segment.stem:
            return True
    segment.unlink(missing_ok=True)
    return False


def _hash_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
