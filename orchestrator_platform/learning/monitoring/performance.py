"""How well a model does on rows without labels, estimated from its own confidence; and how sure a measure is.

Confidence-based performance estimation: a row of probability p counts as p of a positive and 1 − p of another one. It
is right as far as the probabilities are calibrated and what moved is the inputs, not what they mean (Białek, Kuberski,
Perrakis: Estimating Model Performance Under Covariate Shift Without Labels, 2024, arXiv:2401.08348, section 4). What
the labels say once they arrive is therefore measured beside it.
"""

from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_Z = NormalDist().inv_cdf(0.999)


def estimated_roc_auc(scores: "Floats") -> float:
    """Returns the ROC AUC that these probabilities of a positive promise, shape (n,); NaN where they promise none.

    It is the expected number of pairs in the right order by the expected number of pairs, ties by half; a row is never
    paired with itself.
    """
    order = np.argsort(scores, kind="stable")
    p = scores[order].astype(np.float64)
    negative = 1 - p
    starts = np.flatnonzero(np.r_[True, p[1:] != p[:-1]]) if len(p) else np.zeros(0, dtype=np.int64)
    if not len(p):
        return float("nan")
    ones, zeros = np.add.reduceat(p, starts), np.add.reduceat(negative, starts)
    own = float((p * negative).sum())
    right = float((ones * (np.cumsum(zeros) - zeros / 2)).sum()) - own / 2
    pairs = float(p.sum() * negative.sum()) - own
    return right / pairs if pairs > 0 else float("nan")


def roc_auc(scores: "Floats", is_positive: "npt.NDArray[np.bool_]") -> float:
    """Returns the ROC AUC of rows whose labels are known; NaN where there is one kind only."""
    order = np.argsort(scores, kind="stable")
    ordered, positive = scores[order], is_positive[order].astype(np.float64)
    if not len(ordered):
        return float("nan")
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    ones, zeros = np.add.reduceat(positive, starts), np.add.reduceat(1 - positive, starts)
    pairs = float(ones.sum() * zeros.sum())
    return float((ones * (np.cumsum(zeros) - zeros / 2)).sum()) / pairs if pairs else float("nan")


def noise_of_difference(
    reference: float, n_reference: tuple[float, float], current: float, n_current: tuple[float, float]
) -> float:
    """Returns by how much two ROC AUCs of one model differ by chance once in a thousand times.

    Args:
        n_reference: How many positive and other rows there are, as for `n_current`.
    """
    return _Z * sqrt(_variance(reference, *n_reference) + _variance(current, *n_current))


def _variance(auc: float, n_positive: float, n_other: float) -> float:
    """The variance of a ROC AUC (Hanley, McNeil: The meaning and use of the area under a ROC curve, 1982)."""
    if not (n_positive > 0 and n_other > 0):
        return float("inf")
    twice_positive, twice_other = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (n_positive - 1) * (twice_positive - auc**2) + (n_other - 1) * (twice_other - auc**2)
    return float(spread / (n_positive * n_other))
