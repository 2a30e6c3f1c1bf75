"""A model as it is kept: it takes the frame of features and gives calibrated probabilities of all declared classes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]

LEAST = 1e-6
# How strongly a correction is drawn towards none, in examples: few examples change little.
_PULL = 20.0


class Correction(NamedTuple):
    """Log probabilities times `slope`, plus one number for each class; then they are made to sum to one."""

    slope: float
    shifts: "Floats"


def align(probabilities: "Floats", known: Sequence[int], n_classes: int) -> "Floats":
    """Returns a column for each class; one that was never seen gets the least probability that there is."""
    aligned = np.full((len(probabilities), n_classes), LEAST)
    aligned[:, list(known)] = np.clip(probabilities, LEAST, 1.0)
    return np.asarray(aligned / aligned.sum(axis=1, keepdims=True), dtype=np.float64)


def fit_correction(probabilities: "Floats", truth: "npt.NDArray[np.int64]") -> Correction:
    """Returns the correction under which such probabilities fit the truth best, by log loss.

    Temperature scaling (Guo et al. 2017) with a shift for each class, both drawn towards no correction at all.
    """
    from scipy.optimize import minimize

    logs = np.log(np.clip(probabilities, LEAST, 1.0))
    n, n_classes = logs.shape

    def loss(values: "Floats") -> float:
        corrected = logs * np.exp(values[0]) + np.append(0.0, values[1:])
        highest = corrected.max(axis=1, keepdims=True)
        total = highest[:, 0] + np.log(np.exp(corrected - highest).sum(axis=1))
        fit = float((total - corrected[np.arange(n), truth]).sum())
        return fit + _PULL / 2 * float((values**2).sum())

    found = minimize(loss, np.zeros(n_classes), method="L-BFGS-B").x if n else np.zeros(n_classes)
    # The last bits of an optimum are no part of it.
    rounded = np.round(found, 4)
    return Correction(float(np.exp(rounded[0])), np.append(0.0, rounded[1:]))


def correct(probabilities: "Floats", correction: Correction) -> "Floats":
    """Returns the probabilities, calibrated."""
    logs = np.log(np.clip(probabilities, LEAST, 1.0)) * correction.slope + correction.shifts
    raised = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float64)


class CalibratedModel(BaseEstimator, ClassifierMixin):  # type: ignore[misc]  # scikit-learn has no types
    """What was fitted, with its preparation and its correction. It is made of fitted parts, and fits none itself.

    `known` are the places of the classes that the classifier has seen.
    """

    def __init__(
        self,
        preparation: Any,
        classifier: Any,
        classes: Sequence[str],
        known: Sequence[int],
        slope: float,
        shifts: Sequence[float],
    ) -> None:
        self.preparation, self.classifier, self.classes, self.known = preparation, classifier, classes, known
        self.slope, self.shifts = slope, shifts

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
        return correct(raw, Correction(self.slope, np.asarray(self.shifts, dtype=np.float64)))

    def predict(self, frame: "pd.DataFrame") -> "npt.NDArray[np.str_]":
        return np.asarray(self.classes_[self.predict_proba(frame).argmax(axis=1)], dtype=np.str_)
