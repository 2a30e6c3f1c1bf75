"""From which probability an example is called positive, chosen on examples that were not fitted to."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


def best_threshold(score: "npt.NDArray[np.float64]", is_positive: "npt.NDArray[np.bool_]") -> float:
    """Returns the score from which calling examples positive gives the best F1; 0.5 where none is positive.

    It lies in the middle between two scores that were seen, in four digits: the last bits of a score decide nothing.
    """
    if not is_positive.any():
        return 0.5
    order = np.argsort(-score, kind="stable")
    ordered, hits = score[order], np.cumsum(is_positive[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + is_positive.sum())
    # Equal scores are called alike: only the last of them can be where the line is drawn.
    f1[np.flatnonzero(ordered[:-1] == ordered[1:])] = -1
    best = int(np.argmax(f1))
    below = ordered[best + 1] if best + 1 < len(ordered) else 0.0
    return float(np.round((ordered[best] + below) / 2, 4))
