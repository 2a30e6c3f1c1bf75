"""How well the shipped models predict labels that were given later, beside words alone.

`python -m benchmarks.model_quality --feed FOLDER [--write]`: lands May and June and builds the features, trains on what
was seen until 2024-06-14 and measures on what was seen after.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from orchestrator_platform.learning.estimator_files import load_estimator
from orchestrator_platform.learning.labelled_examples import read_examples
from orchestrator_platform.learning.models.artefact import predict, unpack_model
from orchestrator_platform.learning.models.fitting import positives_of, truth_of
from orchestrator_platform.learning.models.near_duplicates import near_duplicates
from orchestrator_platform.learning.models.time_split import Split, days_of, split_by_time
from orchestrator_platform.learning.models.train import train
from orchestrator_platform.learning.resampling import Measured, Scored, compare, draw_weights, metric_value
from orchestrator_platform.records.models import ModelOptions

from .labels import ESTIMATOR, declared_models
from .reporting import describe_machine, write_page
from .running import PROJECT, python, run_child

if TYPE_CHECKING:
    import pandas as pd

PAGE = PROJECT / "docs" / "model-quality.md"
NAME = "models"
METRICS = ("roc_auc", "average_precision", "log_loss", "calibration_error")
# The least gain in ROC AUC that is asked for, and that beyond which a gain is taken for a leak until shown otherwise.
ASKED: Mapping[str, tuple[float, float]] = {
    "exploitation": (0.035, 0.055),
    "automatable": (0.095, 0.12),
    "technical_impact": (0.02, 0.045),
}
SINCE = date(2024, 6, 15)
_SEED = 11


@dataclass(frozen=True, eq=False)
class Compared:
    """Both models' probabilities for the same later examples, and which of them some question is about."""

    target: str
    ours: Scored
    plain: Scored
    clusters: npt.NDArray[np.int64]
    parts: Mapping[str, npt.NDArray[np.bool_]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.model_quality", description=__doc__)
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--feed", type=Path, help="the folder with vulnrichment/")
    given.add_argument("--examples", type=Path, help="a Parquet file with the labelled rows of the table of features")
    parser.add_argument("--trials", type=int, help="of each search; by default as many as are declared")
    parser.add_argument("--write", action="store_true", help=f"write the table into docs/{PAGE.name}")
    said = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="model-quality-") as scratch:
        examples = read_examples(said.examples or _make_examples(said.feed, Path(scratch)))
    text = "\n".join([f"*{describe_machine()}*", "", *_report(examples, said.trials)])
    print(text)
    if said.write:
        write_page(PAGE, {NAME: text})
    return 0


def _make_examples(feed: Path, scratch: Path) -> Path:
    out = scratch / "examples.parquet"
    folders = (str(scratch / "home"), str(feed / "vulnrichment"), str(out))
    run_child(python("-m", "benchmarks.children.make_examples", *folders))
    return out


def _report(examples: "pd.DataFrame", trials: int | None) -> Iterator[str]:
    notes: list[str] = []
    yield "| label | examples | metric | ours | words alone | gain (95 %) | asked | |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    declared = declared_models()[0].budget.trials
    # A slow machine searches as long as a fast one: the minutes of the budget are left out.
    for options in declared_models(holdout={"since": SINCE}, budget={"trials": trials or declared, "minutes": 600}):
        compared, note = compare_models(examples, options)
        notes.append(note)
        yield from _rows(compared)
    yield ""
    yield from (f"- {note}" for note in notes)


def compare_models(examples: "pd.DataFrame", options: ModelOptions) -> tuple[Compared, str]:
    """Returns what both models say of the holdout, and a line on how ours was trained."""
    split, began = split_by_time(examples, options), time.monotonic()
    trained = train(
        examples,
        options,
        load_estimator(ESTIMATOR, "vulnerability"),
        say=lambda line: print(f"{options.name}: {line}", file=sys.stderr, flush=True),
        clock=time.monotonic,
    )
    seconds = time.monotonic() - began
    truth, positive = truth_of(split.holdout, options), positives_of(options)
    ours = predict(unpack_model(trained.artefact), split.holdout[list(options.features.names)])
    plain = words_alone(split, options)
    scored = Scored(truth, ours, positive), Scored(truth, plain, positive)
    note = (
        f"{options.name}: {trained.n_examples:,} examples, {len(trained.search)} trials, {seconds:.0f} s,"
        f" {len(trained.artefact) / 1e6:.1f} MB; of {len(truth):,} held out, {int(scored[0].is_positive.sum())} are"
        f" positive. Chosen: {', '.join(f'{name} {_short(value)}' for name, value in trained.parameters.items())}."
    )
    return Compared(options.name, *scored, _clusters(split.holdout, options), _parts(split)), note


def words_alone(split: Split, options: ModelOptions) -> npt.NDArray[np.float64]:
    """Returns the probabilities of TF-IDF of the description, words and pairs of words, and logistic regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    plain = make_pipeline(
        TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2), LogisticRegression(max_iter=1_000)
    )
    plain.fit(split.train["description"].fillna(""), truth_of(split.train, options))
    return np.asarray(plain.predict_proba(split.holdout["description"].fillna("")), dtype=np.float64)


def _clusters(holdout: "pd.DataFrame", options: ModelOptions) -> npt.NDArray[np.int64]:
    """One number for each day and publisher: what one publisher files on one day is alike."""
    days = days_of(holdout, options.time).astype(str)
    names = [f"{day} {assigner}" for day, assigner in zip(days, holdout["assigner"].astype(str), strict=True)]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def _parts(split: Split) -> dict[str, npt.NDArray[np.bool_]]:
    no_kernel = (split.holdout["assigner"] != "linux").fillna(True).to_numpy(dtype=bool)
    alike = near_duplicates(
        split.train["description"].fillna("").tolist(), split.holdout["description"].fillna("").tolist()
    )
    fresh = np.ones(len(split.holdout), dtype=bool)
    fresh[[one.tested for one in alike]] = False
    everything = np.ones(len(split.holdout), dtype=bool)
    return {
        "all": everything,
        "without Linux": no_kernel,
        "without near-duplicates": fresh,
        "neither": no_kernel & fresh,
    }


def _rows(compared: Compared) -> Iterator[str]:
    for part, where in compared.parts.items():
        ours, plain = compared.ours.taken(where), compared.plain.taken(where)
        weights = draw_weights(compared.clusters[where], _SEED)
        for metric in METRICS:
            gain = compare(metric, ours, plain, weights)
            asked, verdict = _verdict(compared.target, part, metric, gain)
            yield (
                f"| {compared.target} | {part}, {int(where.sum()):,} | {metric} | {metric_value(metric, ours):.3f} |"
                f" {metric_value(metric, plain):.3f} | {_signed(gain)} | {asked} | {verdict} |"
            )


def _verdict(target: str, part: str, metric: str, gain: Measured) -> tuple[str, str]:
    if metric != "roc_auc":
        return "> 0", "met" if gain.value > 0 else "**missed**"
    least, most = ASKED[target]
    if part != "all":
        return "> 0", "met" if gain.value > 0 else "**missed**"
    if gain.value > most:
        return f"≥ {least}, ≤ {most}", "**a leak, until shown otherwise**"
    return f"≥ {least}, ≤ {most}", "met" if gain.value >= least else "**missed**"


def _signed(gain: Measured) -> str:
    return f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})"


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    raise SystemExit(main())
