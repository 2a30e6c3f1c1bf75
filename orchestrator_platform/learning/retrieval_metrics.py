"""How well questions are answered whose answers are known: the usual measures, and their uncertainty."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_RESAMPLES = 2_000


@dataclass(frozen=True, eq=False)
class Quality:
    """The measures of each question, float64, shape (n_questions,)."""

    ndcg: "npt.NDArray[np.float64]"
    recall: "npt.NDArray[np.float64]"
    mrr: "npt.NDArray[np.float64]"


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
