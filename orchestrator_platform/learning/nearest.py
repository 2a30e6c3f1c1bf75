"""Exact search among unit vectors: one question in a matrix that is there, or many in blocks that come one by one.

Knows no file and no lake.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Integers = npt.NDArray[np.int64]

# So many rows are scored at a time: a matrix larger than memory is read through once, and kept nowhere.
_BLOCK_ROWS = 262_144


@dataclass(frozen=True, eq=False)
class Block:
    """Some rows of an index: `ids` say whose row it is, uint64; several rows of one id are pieces of one text.

    `vectors` are float32, shape (n, dim); `texts` tell texts apart, uint64.
    """

    ids: "npt.NDArray[np.uint64]"
    vectors: "npt.NDArray[np.float32]"
    texts: "npt.NDArray[np.uint64]"


def cosines(vectors: "Floats", question: "Floats") -> "Floats":
    """Returns the cosine of each vector with the question, float32, shape (n_rows,); all are of unit length."""
    import numpy as np

    # The threads of a matrix product spin on after it, and take from whatever follows more than they gave.
    if len(vectors) <= _BLOCK_ROWS:
        return np.asarray(np.vecdot(vectors, question), dtype=np.float32)
    starts = range(0, len(vectors), _BLOCK_ROWS)
    blocks = [np.vecdot(vectors[first : first + _BLOCK_ROWS], question) for first in starts]
    return np.concatenate(blocks).astype(np.float32, copy=False)


def best_of_each(scores: "Floats", starts: "Integers") -> "Floats":
    """Returns the highest score of each group; `starts` is where each begins, the first at 0, none of them empty."""
    import numpy as np

    return scores if len(starts) == len(scores) else np.maximum.reduceat(scores, starts)


def highest(scores: "Floats", k: int) -> "Integers":
    """Returns the places of the k highest scores, best first; of equal scores the earlier place comes first."""
    import numpy as np

    if k <= 0:
        return np.empty(0, dtype=np.int64)
    if k >= len(scores):
        places = np.arange(len(scores), dtype=np.int64)
    else:
        # Everything as good as the k-th takes part, so that which of equals are taken is no accident.
        least = np.partition(scores, len(scores) - k)[len(scores) - k]
        places = np.flatnonzero(scores >= least)
    return places[np.lexsort((places, -scores[places]))][:k]


def nearest_ids(blocks: Iterable[Block], queries: "npt.NDArray[np.float32]", k: int) -> "npt.NDArray[np.uint64]":
    """Returns the ids of the k nearest rows by dot product, best first, an id once; shape (n_queries, k).

    Where there are fewer than k ids the rest is 0, which is the id of nothing. Ties go to the greater id.
    """
    import numpy as np

    ids = np.zeros((len(queries), k), dtype=np.uint64)
    scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
    for block in blocks:
        if not len(block.ids):
            continue
        order = np.argsort(block.ids, kind="stable")
        found, starts = np.unique(block.ids[order], return_index=True)
        # A row is as near as the nearest of its pieces.
        best = np.maximum.reduceat(queries @ block.vectors[order].T, starts, axis=1)
        best = np.where(np.isnan(best), -np.inf, best)
        ids, scores = _merge(ids, scores, found, best, k)
    return np.where(np.isfinite(scores), ids, np.uint64(0))


def _merge(
    ids: "npt.NDArray[np.uint64]",
    scores: "npt.NDArray[np.float32]",
    found: "npt.NDArray[np.uint64]",
    best: "npt.NDArray[np.float32]",
    k: int,
) -> "tuple[npt.NDArray[np.uint64], npt.NDArray[np.float32]]":
    import numpy as np

    if best.shape[1] > 4 * k:
        top = np.argpartition(-best, 4 * k, axis=1)[:, : 4 * k]
        best, listed = np.take_along_axis(best, top, axis=1), found[top]
    else:
        listed = np.broadcast_to(found, best.shape)
    all_ids, all_scores = np.concatenate([ids, listed], axis=1), np.concatenate([scores, best], axis=1)
    merged = [_top(*row, k) for row in zip(all_ids, all_scores, strict=True)]
    return np.stack([row[0] for row in merged]), np.stack([row[1] for row in merged])


def _top(
    ids: "npt.NDArray[np.uint64]", scores: "npt.NDArray[np.float32]", k: int
) -> "tuple[npt.NDArray[np.uint64], npt.NDArray[np.float32]]":
    import numpy as np

    order = np.lexsort((ids, scores))[::-1]
    _, first = np.unique(ids[order], return_index=True)
    kept = order[np.sort(first)][:k]
    width = k - len(kept)
    return (
        np.concatenate([ids[kept], np.zeros(width, dtype=np.uint64)]),
        np.concatenate([scores[kept], np.full(width, -np.inf, dtype=np.float32)]),
    )


def share_of_near_duplicates(blocks: Iterable[Block], probes: Block, cosine: float) -> float:
    """Returns the share of the probes with a row of another text at least so near."""
    import numpy as np

    nearest_other = np.full(len(probes.ids), -1.0, dtype=np.float32)
    for block in blocks:
        scores = probes.vectors @ block.vectors.T
        scores[probes.texts[:, None] == block.texts[None, :]] = -1.0
        if scores.size:
            nearest_other = np.fmax(nearest_other, np.nanmax(np.nan_to_num(scores, nan=-1.0), axis=1))
    return float((nearest_other >= cosine).mean()) if len(nearest_other) else 0.0
