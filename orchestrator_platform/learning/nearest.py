"""Exact search: cosines of unit vectors, the best of each group, the highest of many. Knows no file and no lake."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Integers = npt.NDArray[np.int64]

# So many rows are scored at a time: a matrix larger than memory is read through once, and kept nowhere.
_BLOCK_ROWS = 262_144


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
