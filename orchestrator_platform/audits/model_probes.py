"""Probes of a model: does one feature give the answer away, is the holdout a copy of what was trained on, what happens
where features are missing, and how long does one answer take.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..learning.resampling import Scored, measure, metric_value
from ..records.findings import SAMPLE_LIMIT, Severity
from .model_evidence import Evidence, Judged, judged_against
from .model_names import LATENCY, MISSING, NEAR_DUPLICATES, ONE_FEATURE

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

_N_BINS, _SMOOTHING = 50, 20.0
_MISSING_ROWS, _MOST_LOST = 100, 0.2
_TIMED_ROWS = 25


def judge_one_feature(seen: Evidence) -> Iterator[Judged]:
    """No feature alone tells the classes apart as only the answer itself could.

    Each one is judged by the share of positive examples at its value, learned on what was trained on.
    """
    found: dict[str, float] = {}
    truth = seen.scored.is_positive
    trained = seen.positive[seen.truth_of(seen.train)]
    for name in seen.options.features.names:
        score = _share_positive(seen.train[name], trained, seen.holdout[name])
        found[name] = metric_value("roc_auc", _binary(truth, score))
    ordered = sorted(found.items(), key=lambda item: -item[1])
    limit = seen.options.max_feature_auc
    wrong = [(name, auc) for name, auc in ordered if auc > limit]
    said = "; ".join(f"{name} alone reaches ROC AUC {auc:.3f}" for name, auc in (wrong or ordered[:3]))
    sample = [{"feature": name, "roc_auc": round(auc, 4)} for name, auc in (wrong or ordered)]
    yield Judged(
        ONE_FEATURE, not wrong, f"{said}{': it holds the answer' if wrong else ''}", Severity.ERROR,
        round(ordered[0][1], 4), limit, len(wrong), sample,
    )  # fmt: skip


def _binary(truth: "npt.NDArray[np.bool_]", score: "npt.NDArray[np.float64]") -> Scored:
    return Scored(truth.astype(np.int64), np.stack([1 - score, score], axis=1), np.array([False, True]))


def _share_positive(
    train: "pd.Series[Any]", truth: "npt.NDArray[np.bool_]", holdout: "pd.Series[Any]"
) -> "npt.NDArray[np.float64]":
    """The smoothed share of positive examples at each value; numbers are binned, other values stand as their text."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(train) and not pd.api.types.is_bool_dtype(train):
        edges = np.unique(train.dropna().quantile(np.linspace(0, 1, _N_BINS)).to_numpy(dtype=np.float64))
        values = [
            pd.Series(np.digitize(part.to_numpy(dtype=np.float64, na_value=np.nan), edges)) for part in (train, holdout)
        ]
    else:
        values = [part.astype(str).reset_index(drop=True) for part in (train, holdout)]
    mean = float(truth.mean())
    grouped = pd.DataFrame({"value": values[0], "positive": truth}).groupby("value")["positive"].agg(["sum", "count"])
    share = (grouped["sum"] + _SMOOTHING * mean) / (grouped["count"] + _SMOOTHING)
    return values[1].map(share).fillna(mean).to_numpy(dtype=np.float64)


def judge_near_duplicates(seen: Evidence) -> Iterator[Judged]:
    """Examples whose text was trained on almost word for word are named, and the metric holds without them."""
    from ..learning.models.near_duplicates import near_duplicates

    found = near_duplicates(_texts(seen.train, seen), _texts(seen.holdout, seen))
    alike = np.zeros(len(seen.holdout), dtype=bool)
    alike[[pair.tested for pair in found]] = True
    n_alike, options = len(found), seen.options
    metric, rest = options.metric, seen.scored.taken(~alike)
    sample = [
        {
            **seen.keys_of(seen.holdout.iloc[[pair.tested]])[0],
            "like": ", ".join(str(seen.train.iloc[pair.trained][name]) for name in options.key),
            "cosine": round(pair.cosine, 3),
        }
        for pair in found[:SAMPLE_LIMIT]
    ]
    said = f"{n_alike} of {len(seen.holdout)} texts are alike one that was trained on"
    floor = options.floors.get(metric)
    if floor is None or not 0 < int(rest.is_positive.sum()) < len(rest.truth) or len(rest.truth) < options.min_holdout:
        yield Judged(NEAR_DUPLICATES, True, said, measured=n_alike, n_failing=n_alike, sample=sample)
        return
    without = measure(metric, rest, seen.weights[:, ~alike])
    judged = judged_against(NEAR_DUPLICATES, without, floor, f"{metric} without them")
    yield replace(judged, message=f"{said}; {judged.message}", n_failing=n_alike, sample=sample)


def _texts(examples: "pd.DataFrame", seen: Evidence) -> list[str]:
    columns = [examples[name].fillna("").astype(str) for name in seen.options.features.text]
    return ["\n".join(parts) for parts in zip(*columns, strict=True)]


def judge_missing(seen: Evidence) -> Iterator[Judged]:
    """Without any one of its features the model still gives probabilities; on which it hangs most is told."""
    some = seen.holdout.iloc[:: max(len(seen.holdout) // _MISSING_ROWS, 1)]
    rows, truth = seen.features_of(some), seen.truth_of(some)
    whole = metric_value("roc_auc", Scored(truth, seen.model(some), seen.positive))
    answers, broken = _answers_without(seen, some, tuple(rows.columns))
    lost = {
        name: whole - metric_value("roc_auc", Scored(truth, answer, seen.positive)) for name, answer in answers.items()
    }
    name, most = max(lost.items(), key=lambda item: item[1], default=("none", 0.0))
    said = f"without {name} the ROC AUC falls by {most:.3f}, more than without any other"
    sample = [
        {"without": key, "roc_auc_lost": round(value, 4)} for key, value in sorted(lost.items(), key=lambda i: -i[1])
    ]
    severity = Severity.ERROR if broken else Severity.WARN
    bad = len(broken) if broken else int(most > _MOST_LOST)
    yield Judged(MISSING, not bad, "; ".join(broken) or said, severity, round(most, 4), _MOST_LOST, bad, sample)


def _answers_without(
    seen: Evidence, some: "pd.DataFrame", names: Sequence[str]
) -> "tuple[dict[str, npt.NDArray[np.float64]], list[str]]":
    """What the model answers without each of the features, and what is wrong: asked all at once, and one by one only
    where that breaks, to find out at which.
    """
    import pandas as pd

    missing = [some.assign(**{name: _nothing(some[name])}) for name in names]
    if len(names) > 1:
        answers, problem = _asked(seen, pd.concat(missing, ignore_index=True))
        if not problem:
            return dict(zip(names, np.split(answers, len(names)), strict=True)), []
    found: dict[str, npt.NDArray[np.float64]] = {}
    broken: list[str] = []
    for name, without in zip(names, missing, strict=True):
        answers, problem = _asked(seen, without)
        if problem:
            broken.append(f"without {name} it {problem}"[:200])
        else:
            found[name] = answers
    return found, broken


def _asked(seen: Evidence, rows: "pd.DataFrame") -> "tuple[npt.NDArray[np.float64], str]":
    nothing = np.empty((0, 0))
    try:
        answers = seen.model(rows)
    except Exception as error:  # noqa: BLE001  # whatever an artefact does is a finding
        return nothing, f"breaks: {type(error).__name__}: {error}"
    if not is_probability(answers, len(rows), len(seen.options.classes)):
        return nothing, "gives no probabilities"
    return answers, ""


def _nothing(column: "pd.Series[Any]") -> Any:
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return pd.Series(np.nan, index=column.index, dtype="float64")
    return pd.Series([None] * len(column), index=column.index, dtype=column.dtype if _holds_none(column) else "object")


def _holds_none(column: "pd.Series[Any]") -> bool:
    import pandas as pd

    return not pd.api.types.is_bool_dtype(column)


def is_probability(answers: "npt.NDArray[np.float64]", n_rows: int, n_classes: int) -> bool:
    """Returns whether these are probabilities: one row for each example that sums to one, all between 0 and 1."""
    return (
        answers.shape == (n_rows, n_classes)
        and bool(np.isfinite(answers).all())
        and bool((answers >= 0).all() and (answers <= 1).all())
        and bool(np.allclose(answers.sum(axis=1), 1, atol=1e-6))
    )


def judge_latency(seen: Evidence) -> Iterator[Judged]:
    """One row is answered fast enough, most of the time. A busy machine must not reject a model: it warns."""
    rows = seen.holdout.iloc[:: max(len(seen.holdout) // _TIMED_ROWS, 1)].head(_TIMED_ROWS)
    seen.model(rows.head(1))
    taken = []
    for place in range(len(rows)):
        began = time.perf_counter()
        seen.model(rows.iloc[place : place + 1])
        taken.append((time.perf_counter() - began) * 1_000)
    limit = seen.options.max_latency_ms
    p95 = float(np.quantile(taken, 0.95)) if taken else 0.0
    said = f"{p95:.1f} ms for one row at the 95th percentile"
    yield Judged(LATENCY, p95 <= limit, said, Severity.WARN, round(p95, 2), limit, int(p95 > limit))
