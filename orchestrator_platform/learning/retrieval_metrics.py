"""How well vectors answer questions whose answers are known: exact search, usual measures, their uncertainty."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_RESAMPLES = 2_000


@dataclass(frozen=True, eq=False)
class Block:
    """Some rows of an index: `ids` say whose row it is, uint64; several rows of one id are pieces of one text.

    `vectors` are float32, shape (n, dim); `texts` tell texts apart, uint64.
    """

    ids: "npt.NDArray[np.uint64]"
    vectors: "npt.NDArray[np.float32]"
    texts: "npt.NDArray[np.uint64]"


@dataclass(frozen=True, eq=False)
class Quality:
    """The measures of each question, float64, shape (n_questions,)."""

    ndcg: "npt.NDArray[np.float64]"
    recall: "npt.NDArray[np.float64]"
    mrr: "npt.NDArray[np.float64]"


def nearest(blocks: Iterable[Block], queries: "npt.NDArray[np.float32]", k: int) -> "npt.NDArray[np.uint64]":
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


def judge_answers(ranked: "npt.NDArray[np.uint64]", answers: Sequence[Collection[int]]) -> Quality:
    """Returns nDCG (every answer counts the same), recall and reciprocal rank of what was found.

    Args:
        ranked: Ids, best first, shape (n_questions, k).
        answers: The ids that answer each question, at least one.
    """
    import numpy as np

    k = ranked.shape[1]
    discounts = 1 / np.log2(np.arange(2, k + 2))
    right = np.array(
        [[int(i) in wanted for i in row] for row, wanted in zip(ranked, answers, strict=True)], dtype=float
    )
    right = right.reshape(len(answers), k)
    sizes = np.array([len(wanted) for wanted in answers])
    ideal = np.array([discounts[: min(size, k)].sum() for size in sizes])
    first = np.argmax(right, axis=1)
    return Quality(
        ndcg=(right @ discounts) / ideal,
        recall=right.sum(axis=1) / sizes,
        mrr=np.where(right.any(axis=1), 1 / (first + 1), 0.0),
    )


def bootstrap_interval(values: "npt.NDArray[np.float64]", seed: int = 0, level: float = 0.95) -> tuple[float, float]:
    """Returns the percentile bootstrap interval of the mean; of paired differences, it is the paired one."""
    import numpy as np

    if not len(values):
        return 0.0, 0.0
    drawn = np.random.default_rng(seed).integers(0, len(values), size=(_RESAMPLES, len(values)))
    low, high = np.quantile(values[drawn].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


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
