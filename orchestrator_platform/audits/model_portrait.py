"""The process that measures a published model anew for people to look at: calibration, confusion, importance.

Run as `python -m orchestrator_platform.audits.model_portrait FOLDER`, with nothing of the trainer's: a model's own
numbers are not read.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..learning.fresh_process import answer_task
from ..learning.labelled_examples import read_examples
from ..learning.resampling import LOSSES, N_BINS, metric_value
from ..records.models import ModelOptions
from ..records.portraits import CalibrationBin, Importance, Portrait
from .model_evidence import Evidence
from .model_names import CANDIDATE_FILE, HOLDOUT_FILE

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

MODULE = "orchestrator_platform.audits.model_portrait"
# Shuffling takes a prediction of every row for each feature and shuffle; so many rows are enough to see which count.
_MOST_ROWS, _SHUFFLES = 1_000, 3
_DIGITS = 6


def portray_task(folder: Path, task: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """Returns the portrait of the model in the folder, on the examples beside it."""
    options = ModelOptions.model_validate(task["options"])
    predict = _opened(folder / CANDIDATE_FILE, options)
    holdout = read_examples(folder / HOLDOUT_FILE)
    seen = Evidence(options, None, holdout, holdout, predict(holdout))
    say(f"looking at what counts for {options.name}")
    portrait = Portrait(
        metric=options.metric,
        value=_rounded(metric_value(options.metric, seen.scored)),
        n=len(holdout),
        n_positive=int(seen.scored.is_positive.sum()),
        classes=options.classes,
        threshold=float(task["threshold"]),
        calibration=tuple(_calibration(seen)),
        confusion=_confusion(seen, float(task["threshold"])),
        importances=tuple(_importances(seen, predict)),
    )
    return portrait.model_dump(mode="json")


def _opened(file: Path, options: ModelOptions) -> "Callable[[pd.DataFrame], npt.NDArray[np.float64]]":
    from ..learning.models.artefact import predict, unpack_model

    model = unpack_model(file.read_bytes(), options.allowed_types)
    return lambda examples: predict(model, examples[list(options.features.names)])


def _calibration(seen: Evidence) -> Iterator[CalibrationBin]:
    scored = seen.scored
    for place in range(N_BINS):
        inside = scored.bins == place
        if inside.any():
            yield CalibrationBin(
                predicted=round(float(scored.score[inside].mean()), _DIGITS),
                observed=round(float(scored.is_positive[inside].mean()), _DIGITS),
                n=int(inside.sum()),
            )


def _confusion(seen: Evidence, threshold: float) -> tuple[tuple[int, ...], ...]:
    """A row is called the likeliest positive class from the threshold on, else the likeliest of the others."""
    probabilities, positive = seen.probabilities, seen.positive
    as_positive = np.where(positive, probabilities, -1.0).argmax(axis=1)
    as_other = np.where(positive, -1.0, probabilities).argmax(axis=1)
    called = np.where(seen.scored.score >= threshold, as_positive, as_other)
    counts = np.zeros((len(positive), len(positive)), dtype=np.int64)
    np.add.at(counts, (seen.scored.truth, called), 1)
    return tuple(tuple(int(count) for count in row) for row in counts)


def _importances(seen: Evidence, predict: "Callable[[pd.DataFrame], npt.NDArray[np.float64]]") -> Iterator[Importance]:
    options, random = seen.options, np.random.default_rng(seen.options.seed)
    few = np.sort(random.permutation(len(seen.holdout))[:_MOST_ROWS])
    holdout, truth = seen.holdout.iloc[few].reset_index(drop=True), seen.scored.truth[few]
    part = Evidence(options, None, holdout, holdout, seen.probabilities[few])
    sign = -1.0 if options.metric in LOSSES else 1.0
    before = metric_value(options.metric, part.scored)
    for feature in options.features.names if len(truth) else ():
        falls = []
        for _ in range(_SHUFFLES):
            shuffled = holdout.assign(**{feature: holdout[feature].to_numpy()[random.permutation(len(holdout))]})
            falls.append(sign * (before - metric_value(options.metric, part.scored_as(predict(shuffled)))))
        if np.isfinite(falls).all():
            mean, deviation = float(np.mean(falls)), float(np.std(falls))
            yield Importance(feature=feature, mean=round(mean, _DIGITS), deviation=round(deviation, _DIGITS))


def _rounded(value: float) -> float | None:
    return round(value, _DIGITS) if np.isfinite(value) else None


if __name__ == "__main__":
    answer_task(portray_task)
