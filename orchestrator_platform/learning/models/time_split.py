"""Examples in the order of time: what is trained on, what is held out, and folds that never look ahead."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...errors import ExamplesUnusable
from ...records.models import Holdout, ModelOptions

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    Places = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """Examples by time and key, in two parts that share no day. The holdout is empty where nothing was given for it."""

    train: "pd.DataFrame"
    holdout: "pd.DataFrame"


@dataclass(frozen=True, eq=False)
class Fold:
    """Places of examples in the training part: `valid` are later days than all of `train`."""

    train: "Places"
    valid: "Places"


def split_by_time(examples: "pd.DataFrame", options: ModelOptions) -> Split:
    """Returns the labelled examples in order, those of the holdout's days apart.

    An example without a label or without a time is in neither part, and neither is one from before `train_since`.

    Raises:
        ExamplesUnusable: A label is none of the declared classes, or nothing is left to train on.
    """
    known = examples[options.target].notna() & examples[options.time].notna()
    kept = examples[known].sort_values([options.time, *options.key], kind="stable").reset_index(drop=True)
    foreign = sorted(set(kept[options.target].astype(str)) - set(options.classes))
    if foreign:
        raise ExamplesUnusable(
            model=options.name,
            problem=f"{options.target} has values that are no class of it: {', '.join(map(repr, foreign[:5]))}",
            fix="Add them to `classes`, or let the SQL of the examples make them NULL.",
        )
    days = days_of(kept, options.time)
    since = holdout_begins(days, options.holdout)
    first = np.datetime64(options.train_since) if options.train_since else None
    before = days < since if since is not None else np.ones(len(days), dtype=bool)
    trained = before if first is None else before & (days >= first)
    if not trained.any():
        raise ExamplesUnusable(
            model=options.name,
            problem="no labelled example is older than its holdout",
            fix="Wait for labels, or declare a shorter holdout.",
        )
    return Split(kept[trained].reset_index(drop=True), kept[~before].reset_index(drop=True))


def days_of(examples: "pd.DataFrame", time: str) -> "npt.NDArray[np.datetime64]":
    """Returns the day of each example, in UTC."""
    return np.asarray(examples[time].to_numpy(dtype="datetime64[us]").astype("datetime64[D]"))


def holdout_begins(days: "npt.NDArray[np.datetime64]", holdout: Holdout) -> "np.datetime64 | None":
    """Returns the first day of the holdout: that which is declared, or that of the last `days` with examples."""
    if holdout.since is not None:
        return np.datetime64(holdout.since)
    assert holdout.days is not None
    different = np.unique(days)
    return different[-min(holdout.days, len(different))] if len(different) else None


def folds_of(examples: "pd.DataFrame", options: ModelOptions) -> tuple[Fold, ...]:
    """Returns expanding folds of equally many days: the first is trained on half of the days, each next one on all
    that the one before was trained and validated on. Days count alike, so that none on which very many examples came
    at once is a fold of its own.

    Raises:
        ExamplesUnusable: There are not enough days.
    """
    days = days_of(examples, options.time)
    different = np.unique(days)
    n_folds = options.validation.folds
    if len(different) <= n_folds:
        raise ExamplesUnusable(
            model=options.name,
            problem=f"{n_folds} folds in the order of time need {n_folds + 1} days of examples, not {len(different)}",
            fix="Wait for more days, or declare fewer folds.",
        )
    edges = _edges(len(different), n_folds)
    return tuple(
        Fold(np.flatnonzero(days < different[begin]), np.flatnonzero((days >= different[begin]) & _before(days, end)))
        for begin, end in zip(edges[:-1], [*(different[edge] for edge in edges[1:-1]), None], strict=True)
    )


def _before(days: "npt.NDArray[np.datetime64]", end: "np.datetime64 | None") -> "npt.NDArray[np.bool_]":
    return np.ones(len(days), dtype=bool) if end is None else np.asarray(days < end)


def _edges(n_days: int, n_folds: int) -> list[int]:
    """The places of the days at which validation parts begin, and the number of days: each has a day at least."""
    first = min(n_days // 2, n_days - n_folds)
    return [first + (n_days - first) * number // n_folds for number in range(n_folds + 1)]
