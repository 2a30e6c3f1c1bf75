"""Two ranked lists become one. Knows neither what was ranked nor by what."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Integers = npt.NDArray[np.int64]

# How deep each list is looked into; what neither has within this depth is no answer.
DEPTH = 200
# Beyond the tenth or so, ranks should tell little of each other.
_RANK_CONSTANT = 60.0
VECTOR_SHARE = 0.5


def reciprocal_ranks(lists: Sequence["Integers"], size: int) -> "Floats":
    """Returns the sum over the lists of 1 / (60 + rank), float32, shape (size,); 0 for what is in none.

    Each list holds places, best first.
    """
    import numpy as np

    fused = np.zeros(size, dtype=np.float32)
    for places in lists:
        fused[places] += (1.0 / (_RANK_CONSTANT + 1 + np.arange(len(places)))).astype(np.float32)
    return fused


def weighted_scores(
    scores: Sequence["Floats"], lists: Sequence["Integers"], shares: Sequence[float], size: int
) -> "Floats":
    """Returns the weighted sum of the scores, each list's own brought to 0–1, float32, shape (size,).

    What a list does not hold gets nothing from it.
    """
    import numpy as np

    fused = np.zeros(size, dtype=np.float32)
    for values, places, share in zip(scores, lists, shares, strict=True):
        if not len(places):
            continue
        found = values[places]
        low, high = float(found.min()), float(found.max())
        spread = high - low
        fused[places] += share * ((found - low) / spread if spread > 0 else np.ones_like(found))
    return fused
