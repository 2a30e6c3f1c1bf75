"""Whether vectors are those of their texts: a sample is embedded anew and compared."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..learning.prepared_text import TEXT
from ..records.embeddings import CHUNK, N_TOKENS, TRUNCATED, VECTOR
from ..records.findings import SAMPLE_LIMIT, Finding
from ..sql import literal
from .embedding_checks import OF_THEIR_TEXTS, EmbeddingView
from .masking import mask_rows

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MIN_COSINE = 0.99
_FEWEST, _MOST = 16, 128


def check_vectors_of_their_texts(seen: EmbeddingView) -> Iterator[Finding]:
    """Compares up to 128 of the changed rows, and some of all, with what the embedder makes of their texts."""
    import numpy as np

    n_changed = seen.count(seen.view.delta)
    n_of_all = min(_MOST, max(_FEWEST, n_changed // 4))
    _pick(seen, min(_MOST, n_changed), n_of_all)
    connection, dim = seen.view.connection, seen.build.identity.dim
    rows = connection.execute(
        f"SELECT {seen.key.listed}, {CHUNK}, {TEXT}, {N_TOKENS}, {TRUNCATED}, {VECTOR} FROM _picked"
        f" WHERE len({VECTOR}) = {dim} ORDER BY {seen.key.listed}, {CHUNK}"
    ).fetchall()
    n_keys = len(seen.options.key)
    texts = [_piece(seen, row[n_keys + 1], row[n_keys]) for row in rows]
    vectors, n_tokens, truncated = _embed(seen, texts)
    served = np.array([row[-1] for row in rows], dtype=np.float32).reshape(-1, dim)
    cosines = np.nan_to_num(np.einsum("ij,ij->i", vectors, served), nan=-1.0)
    counted = np.array([row[-3] for row in rows], dtype=np.int64) == n_tokens
    counted &= np.array([row[-2] for row in rows], dtype=bool) == truncated
    wrong = np.flatnonzero((cosines < MIN_COSINE) | ~counted)
    names = [*seen.options.key, CHUNK, "cosine"]
    failing = [dict(zip(names, (*rows[i][: n_keys + 1], round(float(cosines[i]), 4)), strict=True)) for i in wrong]
    least = float(cosines.min(initial=1.0))
    yield Finding(
        asset=seen.view.asset,
        check=OF_THEIR_TEXTS,
        passed=not len(wrong),
        measured=round(least, 4),
        limit=MIN_COSINE,
        n_failing=len(wrong),
        sample=mask_rows(failing[:SAMPLE_LIMIT], seen.contract),
        engine="python",
        message=_told(len(rows), cosines, counted, least),
    )


def _told(n_rows: int, cosines: "npt.NDArray[np.float32]", counted: "npt.NDArray[np.bool_]", least: float) -> str:
    n_other, n_miscounted = int((cosines < MIN_COSINE).sum()), int((~counted).sum())
    said = (
        [f"{n_other} of {n_rows} vectors are not those of their texts (cosine down to {least:.3f})"] if n_other else []
    )
    said += [f"{n_miscounted} of {n_rows} rows count their tokens otherwise"] if n_miscounted else []
    return "; ".join(said) or f"{n_rows} texts embedded anew give their vectors (cosine at least {least:.4f})"


def _pick(seen: EmbeddingView, n_changed: int, n_of_all: int) -> None:
    """Rows by a hash that the candidate's own id salts: the same ones whenever it is judged."""
    order = f"ORDER BY hash({seen.key.id}, {CHUNK}, {literal(seen.view.manifest.id)})"
    keys = seen.key.listed
    seen.view.connection.execute(
        f"CREATE OR REPLACE TEMP TABLE _picked AS SELECT n.*, t.{TEXT} FROM"
        f" (FROM (FROM {seen.view.delta} {order} LIMIT {n_changed}) UNION FROM"
        f" (FROM {seen.view.next} {order} LIMIT {n_of_all})) AS n JOIN {seen.texts} AS t USING ({keys})"
    )


def _piece(seen: EmbeddingView, text: str, number: int) -> str:
    chunk = seen.options.chunk
    if chunk is None:
        return text
    pieces = seen.embedder.split(text, chunk.tokens, chunk.overlap)
    return pieces[number] if 0 <= number < len(pieces) else ""


def _embed(
    seen: EmbeddingView, texts: list[str]
) -> "tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.bool_]]":
    import numpy as np

    vectors = np.zeros((len(texts), seen.build.identity.dim), dtype=np.float32)
    n_tokens, truncated = np.zeros(len(texts), dtype=np.int64), np.zeros(len(texts), dtype=bool)
    for batch in seen.embedder.embed(texts) if texts else ():
        vectors[batch.positions] = batch.vectors
        n_tokens[batch.positions] = batch.n_tokens
        truncated[batch.positions] = batch.truncated
    return vectors, n_tokens, truncated
