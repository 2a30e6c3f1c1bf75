"""Trains the models of all labels: with texts prepared once for each fold and two trials at once, or prepared for each
trial, and one after the other.

Run as `python -m benchmarks.children.train_models once|anew EXAMPLES.parquet TRIALS`.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.labels import ESTIMATOR, declared_models
from orchestrator_platform.learning.estimator_files import load_estimator
from orchestrator_platform.learning.estimators import Estimator
from orchestrator_platform.learning.labelled_examples import read_examples
from orchestrator_platform.learning.models.train import train


def main(way: str, file: str, trials: str) -> None:
    examples = read_examples(Path(file))
    # A pipeline takes no weights, so neither way has any.
    estimator = replace(load_estimator(ESTIMATOR, "vulnerability"), weigh=None)
    if way == "anew" and sys.platform == "linux":
        # A plain search fits one after the other.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    chosen = estimator if way == "once" else refitted(estimator)
    started = time.perf_counter()
    values = {}
    for options in declared_models(holdout={"days": 5}, budget={"trials": int(trials), "minutes": 60}):
        trained = train(examples, options, chosen, say=lambda _: None, clock=time.monotonic)
        values[options.name] = [trial["value"] for trial in trained.search]
    print(json.dumps({"seconds": time.perf_counter() - started, "values": values}))


def refitted(estimator: Estimator) -> Estimator:
    """Returns the same estimator as one pipeline, which is fitted whole whenever it is fitted."""
    from sklearn.pipeline import make_pipeline

    prepare = estimator.prepare
    assert prepare is not None

    def build(parameters: Mapping[str, Any], seed: int) -> Any:
        return make_pipeline(prepare(), estimator.build(parameters, seed))

    return Estimator(build=build, suggest=estimator.suggest)


if __name__ == "__main__":
    main(*sys.argv[1:])
