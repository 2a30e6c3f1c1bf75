"""Examples and an estimator in, an artefact out: split by time, search, calibrate, fit to all that came before.

Parameters, calibration and thresholds are chosen on folds of the training part; the holdout is measured once, at the
end, and chooses nothing.
"""

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import ExamplesUnusable
from ...records.base import sha256_of
from ...records.models import ModelOptions
from ..estimators import Estimator, Parameters
from ..resampling import Scored, metric_value
from ..side_by_side import SideBySide
from .artefact import pack_model, predict
from .calibrating import CalibratedModel, correct, fit_slope
from .fitting import (
    PreparedFold,
    fit,
    later_probabilities,
    measure_fold,
    positives_of,
    prepare_examples,
    prepare_fold,
    truth_of,
)
from .search import Measuring, Trial, best_of, search_parameters
from .thresholds import best_threshold
from .time_split import folds_of, split_by_time

if TYPE_CHECKING:
    import pandas as pd

METRICS = ("roc_auc", "average_precision", "log_loss", "brier", "calibration_error")
POSITIVE = "positive"


@dataclass(frozen=True)
class Trained:
    """What a training came to; equal inputs give an equal value, whatever the clock said.

    `thresholds` says from which probability of a positive class an example is called positive. `metrics` are measured
    on the holdout, and on `validation`: the later part of every fold, by what was fitted to what came before it.
    """

    artefact: bytes
    parameters: Parameters
    thresholds: Mapping[str, float]
    search: Sequence[Mapping[str, Any]]
    metrics: Mapping[str, Any]
    trained_from: dt.datetime
    trained_until: dt.datetime
    n_examples: int


def train(
    examples: "pd.DataFrame",
    options: ModelOptions,
    estimator: Estimator,
    *,
    parameters: Parameters | None = None,
    study: Path | None = None,
    say: Callable[[str], None],
    clock: Callable[[], float],
) -> Trained:
    """Returns a model of the examples before the holdout.

    Args:
        examples: Columns of key, time, target and features; in any order.
        options: What the project declares.
        estimator: The project's own.
        parameters: Where given, none are searched for: these are fitted, and all else is done as ever.
        study: A file that keeps the trials of a search, so that it can go on after a kill.
        say: Progress.
        clock: Seconds, for the budget.

    Raises:
        ExamplesUnusable: There are too few examples, days or classes to learn from.
    """
    from threadpoolctl import threadpool_limits

    split = split_by_time(examples, options)
    # One thread in each process: sums of floats depend on how they are shared out, and two that wait for each other
    # are slow.
    with threadpool_limits(limits=1):
        folds = _prepare_folds(split.train, options, estimator, say)
        trials: tuple[Trial, ...] = ()
        if parameters is None:
            trials = _search(folds, split.train, options, estimator, study, say, clock)
            parameters = best_of(trials, options.metric).parameters
        say("fits the best parameters to all examples before the holdout")
        with SideBySide() as beside:
            begun = beside.begin(partial(later_probabilities, folds, parameters, options, estimator))
            prepared = prepare_examples(split.train, options, estimator)
            fitted = fit(prepared, parameters, options, estimator)
            raw, truth = begun.result()
        slope = fit_slope(raw, truth)
        later = Scored(truth, correct(raw, slope), positives_of(options))
        model = CalibratedModel(
            prepared.preparation, fitted.classifier, list(options.classes), list(fitted.known), slope
        )
        metrics = _measure(model, split.holdout, options)
    times = split.train[options.time]
    return Trained(
        artefact=pack_model(model),
        parameters=dict(parameters),
        thresholds={POSITIVE: best_threshold(later.score, later.is_positive)},
        search=[trial.to_json() for trial in trials],
        metrics={**metrics, "validation": _numbers(later)} if metrics else {},
        trained_from=times.min().to_pydatetime(),
        trained_until=times.max().to_pydatetime(),
        n_examples=len(split.train),
    )


def _prepare_folds(
    train_part: "pd.DataFrame", options: ModelOptions, estimator: Estimator, say: Callable[[str], None]
) -> tuple[PreparedFold, ...]:
    say(f"prepares {len(train_part):,} examples in {options.validation.folds} folds")
    *earlier, last = folds_of(train_part, options)
    with SideBySide() as beside:
        # The last has the most examples: about as many as those before it together.
        begun = beside.begin(partial(prepare_fold, train_part, last, options, estimator))
        folds = [prepare_fold(train_part, fold, options, estimator) for fold in earlier]
        folds.append(begun.result())
    for number, fold in enumerate(folds, start=1):
        if fold.problem:
            say(f"fold {number} is left out: {fold.problem}")
        elif fold.absent:
            say(f"fold {number} learns nothing of {', '.join(fold.absent)}: no such example came before it")
    usable = tuple(fold for fold in folds if not fold.problem)
    if not usable:
        raise ExamplesUnusable(
            model=options.name,
            problem=f"nothing can be measured on any fold: of the last, {folds[-1].problem}",
            fix="Wait for examples of more classes.",
        )
    return usable


def _search(
    folds: Sequence[PreparedFold],
    train_part: "pd.DataFrame",
    options: ModelOptions,
    estimator: Estimator,
    study: Path | None,
    say: Callable[[str], None],
    clock: Callable[[], float],
) -> tuple[Trial, ...]:
    measuring = Measuring(len(folds), lambda given, place: measure_fold(folds[place], given, options, estimator))
    identity = _identity(train_part, options)
    return search_parameters(
        measuring, options, estimator, study=study, identity=identity, say=say, clock=clock
    )  # fmt: skip


def _identity(train_part: "pd.DataFrame", options: ModelOptions) -> str:
    """What a kept search is of: a search of other examples or another declaration must not go on with its trials."""
    import pandas as pd

    rows = pd.util.hash_pandas_object(train_part.astype(str), index=False).to_numpy()
    declared = options.model_dump(mode="json", exclude={"budget"})
    return sha256_of([declared, list(train_part.columns), rows.tobytes().hex()])


def _measure(model: CalibratedModel, holdout: "pd.DataFrame", options: ModelOptions) -> dict[str, Any]:
    if not len(holdout):
        return {}
    probabilities = predict(model, holdout[list(options.features.names)])
    return _numbers(Scored(truth_of(holdout, options), probabilities, positives_of(options)))


def _numbers(scored: Scored) -> dict[str, Any]:
    """Metrics by name; one that these examples do not have is left out."""
    values = {name: metric_value(name, scored) for name in METRICS}
    counts = {"n": len(scored.truth), "n_positive": int(scored.is_positive.sum())}
    return {**counts, **{name: round(value, 6) for name, value in values.items() if math.isfinite(value)}}
