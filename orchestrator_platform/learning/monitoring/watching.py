"""Measures a model month by month: inputs, scores, estimated and realised performance, labels and age."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...records.monitors import MODEL, Measure, MonitorOptions, MonitorRow
from .performance import estimated_roc_auc, noise_of_difference, roc_auc
from .stability import Reference, Shift, kind_of, reference_of

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]
    Where = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Watched:
    """A published model, as far as it is watched. `features` maps the columns that it gets to what they hold: `text`,
    `category`, `number`, or nothing where nobody said. Times are naive, in UTC.
    """

    features: Mapping[str, str]
    time: str
    target: str
    positive: Sequence[str]
    trained_from: datetime
    trained_until: datetime


def rows_to_score(examples: "pd.DataFrame", watched: Watched) -> "pd.DataFrame":
    """Returns the examples that came after the model was trained, in their order: those that scores are wanted of."""
    return examples[examples[watched.time] > watched.trained_until]


def watch(
    examples: "pd.DataFrame", scores: "Floats", watched: Watched, options: MonitorOptions
) -> tuple[MonitorRow, ...]:
    """Returns every measure of every month since the model was trained, by month; nothing where nothing came since.

    Args:
        examples: All examples, labelled or not, with time, target (text, or missing) and features.
        scores: The probability of a positive class, of the rows that `rows_to_score` gives; shape (n,).
    """
    trained_on = examples[
        (examples[watched.time] >= watched.trained_from) & (examples[watched.time] <= watched.trained_until)
    ]
    later = rows_to_score(examples, watched)
    if later.empty:
        return ()
    watching = _Watching(trained_on, later, scores, watched, options)
    return tuple(row for month in sorted(set(watching.months)) for row in watching.rows(month))


@dataclass(frozen=True, eq=False)
class _Watching:
    trained_on: "pd.DataFrame"
    later: "pd.DataFrame"
    scores: "Floats"
    watched: Watched
    options: MonitorOptions

    @cached_property
    def months(self) -> Sequence[str]:
        return list(self.later[self.watched.time].dt.strftime("%Y-%m"))

    @cached_property
    def is_reference(self) -> "Where":
        until = self.watched.trained_until + timedelta(days=self.options.reference_days)
        return np.asarray(self.later[self.watched.time] <= until)

    @cached_property
    def is_labelled(self) -> "Where":
        return np.asarray(self.later[self.watched.target].notna())

    @cached_property
    def is_positive(self) -> "Where":
        return np.asarray(self.later[self.watched.target].isin(list(self.watched.positive)))

    @cached_property
    def references(self) -> Mapping[str, Reference]:
        """Each feature that is watched, as it was when the model was trained."""
        columns = {name: self.trained_on[name] for name in self.watched.features if self.options.watches(name)}
        return {name: reference_of(c, self.watched.features[name] or kind_of(c)) for name, c in columns.items()}

    @cached_property
    def _scores(self) -> "pd.Series[float]":
        import pandas as pd

        return pd.Series(self.scores)

    @cached_property
    def score_reference(self) -> Reference:
        return reference_of(self._scores[self.is_reference], "number")

    def rows(self, month: str) -> Iterator[MonitorRow]:
        of_month = np.asarray([each == month for each in self.months])
        until = self.later[self.watched.time][of_month].max().to_pydatetime()
        for row in self._measured(month, of_month):
            yield row.model_copy(update={"until": until})
        if month == max(self.months):
            yield from (row.model_copy(update={"until": until}) for row in self._since_trained(month, until))

    def _measured(self, month: str, of_month: "Where") -> Iterator[MonitorRow]:
        for name, reference in self.references.items():
            shift = reference.compare(self.later[name][of_month])
            yield self._drift(month, name, Measure.INPUT_DRIFT, shift)
        # The reference is not compared with itself.
        new = of_month & ~self.is_reference
        if new.any() and self.is_reference.any():
            yield self._drift(month, MODEL, Measure.SCORE_DRIFT, self.score_reference.compare(self._scores[new]))
            yield from self._performance(month, new)

    def _drift(self, month: str, feature: str, measure: Measure, shift: Shift) -> MonitorRow:
        declared = self.options.limits.drift
        limit = None if declared is None else max(declared, shift.noise)
        enough = min(shift.n_reference, shift.n_current) >= self.options.min_rows
        return MonitorRow(
            month=month,
            feature=feature,
            measure=measure,
            value=shift.value,
            bound=limit,
            passed=shift.value <= limit if limit is not None and enough else None,
            n_reference=shift.n_reference,
            n_current=shift.n_current,
        )

    def _performance(self, month: str, new: "Where") -> Iterator[MonitorRow]:
        before, now = self.scores[self.is_reference], self.scores[new]
        estimated = _Auc(estimated_roc_auc(before), *_expected(before)), _Auc(estimated_roc_auc(now), *_expected(now))
        yield from self._loss(month, Measure.ESTIMATED, *estimated)
        yield from self._loss(month, Measure.REALISED, self._realised(self.is_reference), self._realised(new))

    def _realised(self, where: "Where") -> "_Auc":
        known = where & self.is_labelled
        positive = self.is_positive[known]
        return _Auc(roc_auc(self.scores[known], positive), float(positive.sum()), float((~positive).sum()))

    def _loss(self, month: str, measure: Measure, reference: "_Auc", current: "_Auc") -> Iterator[MonitorRow]:
        if not (np.isfinite(reference.value) and np.isfinite(current.value)):
            return
        decay, limit = self.options.limits.decay, None
        if decay is not None:
            noise = noise_of_difference(reference.value, reference.counts, current.value, current.counts)
            limit = reference.value - max(decay, noise)
        enough = min(reference.n, current.n) >= self.options.min_rows
        yield MonitorRow(
            month=month,
            feature=MODEL,
            measure=measure,
            value=current.value,
            reference=reference.value,
            bound=limit,
            passed=current.value >= limit if limit is not None and enough else None,
            n_reference=reference.n,
            n_current=current.n,
        )

    def _since_trained(self, month: str, until: datetime) -> Iterator[MonitorRow]:
        limits, n_labels = self.options.limits, int((self.is_labelled & ~self.is_reference).sum())
        age = (until - self.watched.trained_until).total_seconds() / 86_400
        for measure, value, limit in ((Measure.LABELS, n_labels, limits.labels), (Measure.AGE, age, limits.age_days)):
            yield MonitorRow(
                month=month,
                feature=MODEL,
                measure=measure,
                value=value,
                bound=limit,
                passed=value < limit if limit is not None else None,
                n_reference=len(self.trained_on),
                n_current=len(self.later),
            )


@dataclass(frozen=True)
class _Auc:
    value: float
    n_positive: float
    n_other: float

    @property
    def counts(self) -> tuple[float, float]:
        return self.n_positive, self.n_other

    @property
    def n(self) -> int:
        return round(self.n_positive + self.n_other)


def _expected(scores: "Floats") -> tuple[float, float]:
    positive: Any = scores.sum()
    return float(positive), float(len(scores) - positive)
