"""Several classifiers as one: each sees its own part of the matrix, and their opinions are averaged."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.sparse import csr_matrix, issparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone

if TYPE_CHECKING:
    import numpy.typing as npt

LEAST = 1e-6


class DenseBlock(BaseEstimator, ClassifierMixin):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier that is given the first `n_columns` of a matrix only, dense."""

    def __init__(self, classifier: Any, n_columns: int) -> None:
        self.classifier, self.n_columns = classifier, n_columns

    def fit(self, matrix: Any, y: "npt.NDArray[Any]", sample_weight: Any = None) -> Self:
        self.classifier_ = clone(self.classifier).fit(self._block(matrix), y, sample_weight=sample_weight)
        self.classes_ = self.classifier_.classes_
        return self

    def predict_proba(self, matrix: Any) -> "npt.NDArray[np.float64]":
        return np.asarray(self.classifier_.predict_proba(self._block(matrix)), dtype=np.float64)

    def _block(self, matrix: Any) -> "npt.NDArray[np.float64]":
        block = matrix[:, : self.n_columns]
        return np.asarray(block.toarray() if issparse(block) else block, dtype=np.float64)


class Blend(BaseEstimator, ClassifierMixin):  # type: ignore[misc]  # scikit-learn has no types
    """The weighted geometric mean of the members' probabilities."""

    def __init__(self, members: Sequence[Any], weights: Sequence[float]) -> None:
        self.members, self.weights = members, weights

    def fit(self, matrix: Any, y: "npt.NDArray[Any]", sample_weight: Any = None) -> Self:
        rows = csr_matrix(matrix) if issparse(matrix) else matrix
        self.members_ = [clone(one).fit(rows, y, sample_weight=sample_weight) for one in self._taken(self.members)]
        self.classes_ = self.members_[0].classes_
        return self

    def predict_proba(self, matrix: Any) -> "npt.NDArray[np.float64]":
        rows = csr_matrix(matrix) if issparse(matrix) else matrix
        weights = np.asarray([weight for weight in self.weights if weight > 0])
        opinions = np.stack([np.log(np.clip(one.predict_proba(rows), LEAST, 1.0)) for one in self.members_])
        mean = np.exp(np.tensordot(weights / weights.sum(), opinions, axes=1))
        return np.asarray(mean / mean.sum(axis=1, keepdims=True), dtype=np.float64)

    def _taken(self, members: Sequence[Any]) -> list[Any]:
        # A member without weight is never fitted.
        return [one for one, weight in zip(members, self.weights, strict=True) if weight > 0]
