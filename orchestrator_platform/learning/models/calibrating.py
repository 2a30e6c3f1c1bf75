"""A model as it is kept: it takes the frame of features and gives calibrated probabilities of all declared classes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]

LEAST = 1e-6
# How strongly a correction is drawn towards none, in examples: few examples change little.
_PULL = 20.0


def align(probabilities: "Floats", known: Sequence[int], n_classes: int) -> "Floats":
    """Returns a column for each class; one that was never seen gets the least probability that there is."""
    aligned = np.full((len(probabilities), n_classes), LEAST)
    aligned[:, list(known)] = np.clip(probabilities, LEAST, 1.0)
    return np.asarray(aligned / aligned.sum(axis=1, keepdims=True), dtype=np.float64)


def fit_slope(probabilities: "Floats", truth: "npt.NDArray[np.int64]") -> float:
    """Returns by what log probabilities must be multiplied to fit the truth best, by log loss.

    Temperature scaling (Guo et al. 2017), drawn towards 1, no correction. How frequent classes are is left as it is:
    that differs more from week to week than any earlier week can tell.
    """
    from scipy.optimize import minimize_scalar

    logs = np.log(np.clip(probabilities, LEAST, 1.0))
    n = len(logs)
    if not n:
        return 1.0

    def loss(exponent: float) -> float:
        scaled = logs * np.exp(exponent)
        highest = scaled.max(axis=1, keepdims=True)
        total = highest[:, 0] + np.log(np.exp(scaled - highest).sum(axis=1))
        return float((total - scaled[np.arange(n), truth]).sum()) + _PULL / 2 * exponent**2

    found = minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded").x
    # The last bits of an optimum are no part of it.
    return float(np.round(np.exp(found), 3))


def correct(probabilities: "Floats", slope: float) -> "Floats":
    """Returns the probabilities, calibrated."""
    logs = np.log(np.clip(probabilities, LEAST, 1.0)) * slope
    raised = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float64)


class CalibratedModel(BaseEstimator, ClassifierMixin):  # type: ignore[misc]  # scikit-learn has no types
    """What was fitted, with its preparation and its correction. It is made of fitted parts, and fits none itself.

    `known` are the places of the classes that the classifier has seen.
    """

    def __init__(
        self, preparation: Any, classifier: Any, classes: Sequence[str], known: Sequence[int], slope: float
    ) -> None:
        self.preparation, self.classifier, self.classes, self.known = preparation, classifier, classes, known
        self.slope = slope

    def fit(self, frame: "pd.DataFrame", y: object = None) -> Self:  # noqa: ARG002  # scikit-learn passes it
        return self

    @property
    def classes_(self) -> "npt.NDArray[np.str_]":
        return np.asarray(list(self.classes), dtype=np.str_)

    def predict_proba(self, frame: "pd.DataFrame") -> "Floats":
        """Returns shape (n, n_classes), the classes in the order in which they are declared."""
        if not len(frame):
            return np.empty((0, len(self.classes)))
        matrix = frame if self.preparation is None else self.preparation.transform(frame)
        raw = align(self.classifier.predict_proba(matrix), self.known, len(self.classes))
        return correct(raw, self.slope)

    def predict(self, frame: "pd.DataFrame") -> "npt.NDArray[np.str_]":
        return np.asarray(self.classes_[self.predict_proba(frame).argmax(axis=1)], dtype=np.str_)
