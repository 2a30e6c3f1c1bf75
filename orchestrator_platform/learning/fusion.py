"""Two ranked lists become one. Knows neither what was ranked nor by what."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from .nearest import highest

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

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, eq=False)
class Ranked(Generic[Key]):
    """What one way of searching found: `keys`, best first, each once, and their `scores`, float32, shape (n_keys,)."""

    keys: Sequence[Key]
    scores: "Floats"


def fuse_ranked(by_vector: Ranked[Key] | None, by_text: Ranked[Key] | None, k: int) -> list[tuple[Key, float]]:
    """Returns the k best and their scores, best first: what one way alone found keeps that way's, two ways share.

    Of equals the one that is nearer by vector comes first.
    """
    import numpy as np

    ways = [way for way in (by_vector, by_text) if way is not None]
    if len(ways) < 2:
        return [pair for way in ways for pair in zip(way.keys[:k], way.scores[:k].tolist(), strict=True)]
    keys = list(dict.fromkeys(key for way in ways for key in way.keys))
    place_of = {key: place for place, key in enumerate(keys)}
    places = [np.array([place_of[key] for key in way.keys], dtype=np.int64) for way in ways]
    scores = [np.zeros(len(keys), dtype=np.float32) for _ in ways]
    for way, where, spread in zip(ways, places, scores, strict=True):
        spread[where] = way.scores
    fused = weighted_scores(scores, places, (VECTOR_SHARE, 1 - VECTOR_SHARE), len(keys))
    return [(keys[place], float(fused[place])) for place in highest(fused, k).tolist()]


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
