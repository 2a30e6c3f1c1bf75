"""Which class a model calls: the likelier of the positive ones from its threshold on, else the likelier of the rest."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

POSITIVE = "positive"


def require_probabilities(answers: "npt.NDArray[np.float64]", n_rows: int, n_classes: int) -> None:
    """Accepts one row of finite numbers for each row that the model was given.

    Raises:
        ValueError: It is something else, as numbers so large that they overflow within a model can bring about.
    """
    if answers.shape != (n_rows, n_classes):
        raise ValueError(f"the model answers in shape {answers.shape}, not in {(n_rows, n_classes)}")
    wrong = np.flatnonzero(~np.isfinite(answers).all(axis=1))
    if len(wrong):
        said = f"for {len(wrong)} of {n_rows} rows, first for row {wrong[0] + 1}"
        raise ValueError(f"the model gives no probabilities {said}")


def call_classes(
    probabilities: "npt.NDArray[np.float64]",
    classes: Sequence[str],
    positive: Sequence[str],
    thresholds: Mapping[str, Any],
) -> "tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]":
    """Returns the place of the class that is called for each row, and the probability that the model gives it.

    Args:
        probabilities: Shape (n, n_classes), the classes in the order of `classes`.
        thresholds: What was chosen with the model; without one a half.
    """
    is_positive = np.array([name in positive for name in classes])
    called = probabilities[:, is_positive].sum(axis=1) >= float(thresholds.get(POSITIVE, 0.5))
    among = np.where(is_positive[None, :] == called[:, None], probabilities, -1.0)
    places = among.argmax(axis=1).astype(np.int64)
    return places, probabilities[np.arange(len(places)), places]
