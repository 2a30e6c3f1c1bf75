"""Shares out of counts, smoothed: what became of earlier examples of the same group."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd


class SmoothedRates(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The log odds of each part in its total, drawn towards the usual share, and the logarithm of each total.

    `totals` names the column of the total for each column of a part. The usual share is that of all examples fitted
    on; it counts as `strength` examples, so that a group never seen before has the usual odds.
    """

    def __init__(self, totals: Mapping[str, str], strength: float = 5.0) -> None:
        self.totals, self.strength = totals, strength

    def fit(self, frame: "pd.DataFrame", y: object = None) -> Self:  # noqa: ARG002  # scikit-learn passes it
        sums = {name: float(frame[name].sum()) for name in {*self.totals, *self.totals.values()}}
        shares = [(sums[part] + 1) / (sums[total] + 2) for part, total in self.totals.items()]
        self.shares_ = np.asarray(shares, dtype=np.float64)
        return self

    def transform(self, frame: "pd.DataFrame") -> "npt.NDArray[np.float64]":
        columns = []
        for (part, total), share in zip(self.totals.items(), self.shares_, strict=True):
            n_part, n = _counts(frame, part), _counts(frame, total)
            rate = np.clip((n_part + self.strength * share) / (n + self.strength), 1e-9, 1 - 1e-9)
            columns.append(np.log(rate) - np.log1p(-rate) - _log_odds(share))
        columns += [np.log1p(_counts(frame, total)) for total in dict.fromkeys(self.totals.values())]
        return np.column_stack(columns)

    def get_feature_names_out(self, _: object = None) -> "npt.NDArray[np.object_]":
        return np.asarray([*self.totals, *dict.fromkeys(self.totals.values())], dtype=object)


def _counts(frame: "pd.DataFrame", name: str) -> "npt.NDArray[np.float64]":
    return np.asarray(frame[name].astype("float64").fillna(0.0), dtype=np.float64)


def _log_odds(share: float) -> float:
    return float(np.log(share) - np.log1p(-share))
