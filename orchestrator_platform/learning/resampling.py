"""How good probabilities are, and how sure that is: metrics over many resamples of the same examples at once.

Examples that share a cluster are drawn together, since a day's or a vendor's records are alike. Two models compared on
the same draws are compared in pairs, so that what is hard for both cancels.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

LOSSES = frozenset({"log_loss", "brier", "calibration_error"})
N_DRAWS, LEVEL, N_BINS = 500, 0.95, 10
_LEAST = 1e-15


@dataclass(frozen=True)
class Scored:
    """Probabilities, shape (n, n_classes), for examples whose class is `truth`, as places of the classes, shape (n,).

    `positive` says of each class whether it counts as positive.
    """

    truth: "npt.NDArray[np.int64]"
    probabilities: "Floats"
    positive: "npt.NDArray[np.bool_]"

    @cached_property
    def score(self) -> "Floats":
        """The probability of a positive class."""
        return np.asarray(self.probabilities[:, self.positive].sum(axis=1), dtype=np.float64)

    @cached_property
    def is_positive(self) -> "npt.NDArray[np.bool_]":
        return self.positive[self.truth]

    @cached_property
    def log_losses(self) -> "Floats":
        taken = self.probabilities[np.arange(len(self.truth)), self.truth]
        return -np.log(np.clip(taken, _LEAST, 1.0))

    @cached_property
    def groups(self) -> "tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]":
        """The order by score, and where in it each group of equal scores begins."""
        order = np.argsort(self.score, kind="stable")
        ordered = self.score[order]
        return order, np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])

    @cached_property
    def bins(self) -> "npt.NDArray[np.int64]":
        """Ten bins of equally many examples, by score; equal scores share one."""
        order, starts = self.groups
        sizes = np.diff(np.r_[starts, len(order)])
        bin_of_group = np.minimum((starts * N_BINS) // max(len(order), 1), N_BINS - 1)
        bins = np.empty(len(order), dtype=np.int64)
        bins[order] = np.repeat(bin_of_group, sizes)
        return bins

    def taken(self, where: "npt.NDArray[np.bool_]") -> "Scored":
        """Returns some of the examples."""
        return Scored(self.truth[where], self.probabilities[where], self.positive)


@dataclass(frozen=True)
class Measured:
    """A metric with the interval that 95 of 100 resamples fall into."""

    value: float
    low: float
    high: float

    @property
    def told(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def draw_weights(clusters: "npt.NDArray[np.int64]", seed: int, n_draws: int = N_DRAWS) -> "Floats":
    """Returns how often each example is in each resample, shape (n_draws, n): whole clusters are drawn."""
    names, place = np.unique(clusters, return_inverse=True)
    random = np.random.default_rng(seed)
    times = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=n_draws)
    return times[:, place].astype(np.float64)


def metric_values(name: str, scored: Scored, weights: "Floats") -> "Floats":
    """Returns a metric of each row of weights, shape (n_draws,); NaN where a draw has one kind of example only.

    ROC AUC and average precision (the step-wise area under precision and recall) are of the positive classes against
    the rest, as are the Brier score and the calibration error (ten bins of equally many examples, Naeini et al. 2015);
    the log loss is over all classes.
    """
    match name:
        case "roc_auc":
            return _roc_auc(scored, weights)
        case "average_precision":
            return _average_precision(scored, weights)
        case "log_loss":
            return _mean(scored.log_losses, weights)
        case "brier":
            return _mean((scored.score - scored.is_positive) ** 2, weights)
        case "calibration_error":
            return _calibration_error(scored, weights)
        case _:
            raise ValueError(f"there is no metric {name!r}")


def metric_value(name: str, scored: Scored) -> float:
    """Returns a metric of all examples, each once."""
    return float(metric_values(name, scored, np.ones((1, len(scored.truth))))[0])


def measure(name: str, scored: Scored, weights: "Floats") -> Measured:
    """Returns the metric of all examples, with its interval over the draws."""
    value, low, high = metric_value(name, scored), *interval(metric_values(name, scored, weights))
    return Measured(value, low, high)


def compare(name: str, one: Scored, other: Scored, weights: "Floats") -> Measured:
    """Returns by how much `one` is better than `other` on the same draws; a lower loss is better."""
    sign = -1.0 if name in LOSSES else 1.0
    differences = sign * (metric_values(name, one, weights) - metric_values(name, other, weights))
    value = sign * (metric_value(name, one) - metric_value(name, other))
    return Measured(value, *interval(differences))


def interval(values: "Floats", level: float = LEVEL) -> tuple[float, float]:
    """Returns the ends of the middle part of the values; draws that could not be measured do not count."""
    kept = values[np.isfinite(values)]
    if not len(kept):
        return float("nan"), float("nan")
    low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _grouped(scored: Scored, weights: "Floats") -> "tuple[Floats, Floats]":
    """The weights of positive and of other examples in each group of equal scores, scores rising."""
    order, starts = scored.groups
    positive = scored.is_positive[order]
    ordered = weights[:, order]
    return (
        np.add.reduceat(ordered * positive, starts, axis=1),
        np.add.reduceat(ordered * ~positive, starts, axis=1),
    )


def _roc_auc(scored: Scored, weights: "Floats") -> "Floats":
    if not len(scored.truth):
        return np.full(len(weights), np.nan)
    positive, other = _grouped(scored, weights)
    below = np.cumsum(other, axis=1) - other / 2
    pairs = positive.sum(axis=1) * other.sum(axis=1)
    return _ratio((positive * below).sum(axis=1), pairs)


def _average_precision(scored: Scored, weights: "Floats") -> "Floats":
    if not len(scored.truth):
        return np.full(len(weights), np.nan)
    positive, other = (np.flip(part, axis=1) for part in _grouped(scored, weights))
    found = np.cumsum(positive, axis=1)
    precision = _ratio(found, found + np.cumsum(other, axis=1))
    return _ratio((positive * np.nan_to_num(precision)).sum(axis=1), positive.sum(axis=1))


def _calibration_error(scored: Scored, weights: "Floats") -> "Floats":
    of_bin = (scored.bins[:, None] == np.arange(N_BINS)).astype(np.float64)
    gaps = (weights * (scored.score - scored.is_positive)) @ of_bin
    return _ratio(np.abs(gaps).sum(axis=1), weights.sum(axis=1))


def _mean(values: "Floats", weights: "Floats") -> "Floats":
    return _ratio(weights @ values, weights.sum(axis=1))


def _ratio(over: "Floats", under: "Floats") -> "Floats":
    ratios = np.full(np.shape(over), np.nan)
    np.divide(over, under, out=ratios, where=under > 0)
    return ratios
