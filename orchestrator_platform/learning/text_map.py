"""Texts seen from outside: a plane on which near ones lie near, and which are nearest to one. Knows no lake."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .nearest import cosines, highest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_BLOCK, _ROUNDS = 12, 40


@dataclass(frozen=True, eq=False)
class TextMap:
    """`places` are float32, shape (n, 2); `explained` is the share of the sample's variance that they show."""

    places: "npt.NDArray[np.float32]"
    explained: float


def map_texts(vectors: "npt.NDArray[np.float32]") -> TextMap:
    """Returns where vectors of shape (n, dim) lie on the plane of their first two principal components.

    Each axis points to where its greatest loading is positive, so that equal vectors give the same map everywhere.
    """
    import numpy as np

    n, dim = vectors.shape
    if n < 2 or dim < 2:
        return TextMap(np.zeros((n, 2), dtype=np.float32), 0.0)
    centred = vectors - vectors.mean(axis=0)
    covariance = (centred.T @ centred) / n
    # Block iteration from a fixed start, without the threads of a matrix product: two axes cost a hundredth of what a
    # full decomposition does.
    block = np.random.default_rng(0).normal(size=(dim, min(_BLOCK, dim))).astype(np.float32)
    for _ in range(_ROUNDS):
        block, _rest = np.linalg.qr(_product(covariance, block))
    spread, turned = np.linalg.eigh(_product(block.T, _product(covariance, block)))
    axes = (block @ turned)[:, ::-1][:, :2]
    axes = axes * np.where(axes[np.argmax(np.abs(axes), axis=0), (0, 1)] < 0, -1, 1)
    total = float(np.trace(covariance))
    explained = float(spread[-2:].sum()) / total if total > 0 else 0.0
    return TextMap((centred @ axes).astype(np.float32), min(max(explained, 0.0), 1.0))


def _product(one: "npt.NDArray[np.float32]", other: "npt.NDArray[np.float32]") -> "npt.NDArray[np.float32]":
    import numpy as np

    return np.asarray(np.vecdot(one[:, None, :], np.ascontiguousarray(other.T)[None]), dtype=np.float32)


def nearest_others(
    vectors: "npt.NDArray[np.float32]", texts: "npt.NDArray[np.uint64]", row: int, k: int
) -> list[tuple[int, float]]:
    """Returns the k rows of another text that are nearest to a row, best first, each with its cosine.

    Args:
        vectors: Of unit length, shape (n, dim).
        texts: What tells texts apart, shape (n,).
    """
    import numpy as np

    scores = cosines(vectors, vectors[row])
    scores = np.where((texts == texts[row]) | np.isnan(scores), -np.inf, scores).astype(np.float32)
    return [(int(other), float(scores[other])) for other in highest(scores, k) if np.isfinite(scores[other])]
