"""Fits an estimator to prepared examples, fold by fold. Preparation is done once for each fold, whatever is tried."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...records.models import ModelOptions
from ..estimators import Estimator, Parameters
from ..resampling import Scored, metric_value
from .calibrating import align
from .time_split import Fold, days_of

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]
    Classes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Prepared:
    """Examples as an estimator gets them: the matrix, the classes as places, the days; and what prepared them."""

    matrix: Any
    truth: "Classes"
    days: "npt.NDArray[np.datetime64]"
    preparation: Any = None


@dataclass(frozen=True, eq=False)
class PreparedFold:
    """One fold. `problem` says why nothing can be measured on it, and is empty where something can.

    Classes that the training part lacks are in `absent`: an estimator gives them the least probability there is.
    """

    train: Prepared
    valid: Prepared
    absent: tuple[str, ...]
    problem: str


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted classifier, and the places of the classes that it knows."""

    classifier: Any
    known: tuple[int, ...]

    def probabilities(self, matrix: Any, n_classes: int) -> "Floats":
        return align(self.classifier.predict_proba(matrix), self.known, n_classes)


def prepare_examples(examples: "pd.DataFrame", options: ModelOptions, estimator: Estimator) -> Prepared:
    """Returns examples that the estimator can be fitted to."""
    frame = examples[list(options.features.names)]
    preparation = estimator.prepare() if estimator.prepare is not None else None
    matrix = frame if preparation is None else preparation.fit_transform(frame)
    return Prepared(matrix, truth_of(examples, options), days_of(examples, options.time), preparation)


def prepare_fold(examples: "pd.DataFrame", fold: Fold, options: ModelOptions, estimator: Estimator) -> PreparedFold:
    """Returns both parts of a fold; nothing of the later one is in the preparation."""
    train = prepare_examples(examples.iloc[fold.train], options, estimator)
    later = examples.iloc[fold.valid]
    frame = later[list(options.features.names)]
    matrix = frame if train.preparation is None else train.preparation.transform(frame)
    valid = Prepared(matrix, truth_of(later, options), days_of(later, options.time))
    absent = tuple(name for place, name in enumerate(options.classes) if place not in train.truth)
    # What prepared it is done with: a process that prepares for another hands over matrices, and no code of a project.
    return PreparedFold(replace(train, preparation=None), valid, absent, _problem(train.truth, valid.truth, options))


def _problem(train: "Classes", valid: "Classes", options: ModelOptions) -> str:
    if len(np.unique(train)) < 2:
        return "its training part has one class only"
    positive = np.unique(positives_of(options)[valid])
    return "" if len(positive) == 2 else "its validation part has positive examples only, or none"


def truth_of(examples: "pd.DataFrame", options: ModelOptions) -> "Classes":
    """Returns the place of each example's class."""
    places = {name: place for place, name in enumerate(options.classes)}
    return np.asarray([places[str(value)] for value in examples[options.target]], dtype=np.int64)


def positives_of(options: ModelOptions) -> "npt.NDArray[np.bool_]":
    return np.asarray([name in options.positive for name in options.classes])


def fit(prepared: Prepared, parameters: Parameters, options: ModelOptions, estimator: Estimator) -> Fitted:
    """Returns the estimator of these parameters, fitted."""
    classifier = estimator.build(parameters, options.seed)
    if estimator.weigh is None:
        classifier.fit(prepared.matrix, prepared.truth)
    else:
        weights = np.asarray(estimator.weigh(parameters, prepared.days), dtype=np.float64)
        classifier.fit(prepared.matrix, prepared.truth, sample_weight=weights / weights.mean())
    return Fitted(classifier, tuple(int(place) for place in classifier.classes_))


def measure_fold(fold: PreparedFold, parameters: Parameters, options: ModelOptions, estimator: Estimator) -> float:
    """Returns the declared metric on the fold's later part."""
    fitted = fit(fold.train, parameters, options, estimator)
    probabilities = fitted.probabilities(fold.valid.matrix, len(options.classes))
    return metric_value(options.metric, Scored(fold.valid.truth, probabilities, positives_of(options)))


def later_probabilities(
    folds: Sequence[PreparedFold], parameters: Parameters, options: ModelOptions, estimator: Estimator
) -> "tuple[Floats, Classes]":
    """Returns probabilities of every later part, by what was fitted to what came before it, and the truth."""
    n_classes = len(options.classes)
    found = [
        fit(fold.train, parameters, options, estimator).probabilities(fold.valid.matrix, n_classes) for fold in folds
    ]
    return np.concatenate(found), np.concatenate([fold.valid.truth for fold in folds])
