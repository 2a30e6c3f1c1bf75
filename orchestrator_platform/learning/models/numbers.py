"""Numbers that may be missing: the middle one takes their place, and a column beside says so."""

from typing import TYPE_CHECKING, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd


class KnownNumbers(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The numbers, then for each column whether it is missing; always two columns for one."""

    def fit(self, frame: "pd.DataFrame", y: object = None) -> Self:  # noqa: ARG002  # scikit-learn passes it
        values = _numbers(frame)
        known = [column[~np.isnan(column)] for column in values.T]
        self.middles_ = np.asarray([np.median(column) if len(column) else 0.0 for column in known])
        return self

    def transform(self, frame: "pd.DataFrame") -> "npt.NDArray[np.float64]":
        values = _numbers(frame)
        missing = np.isnan(values)
        return np.column_stack([np.where(missing, self.middles_, values), missing.astype(np.float64)])


def _numbers(frame: "pd.DataFrame") -> "npt.NDArray[np.float64]":
    values = frame.astype("float64").to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isinf(values), np.nan, values)
