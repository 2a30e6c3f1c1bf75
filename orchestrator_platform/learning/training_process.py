"""The process that trains: reads examples from a file, runs the project's estimator, leaves an artefact.

Run as `python -m orchestrator_platform.learning.training_process FOLDER`. It knows no lake, and sees no examples but
those in its folder.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..records.models import ModelOptions
from .fresh_process import answer_task
from .labelled_examples import naming_infinities, read_examples

MODULE = "orchestrator_platform.learning.training_process"
EXAMPLES, ARTEFACT = "examples.parquet", "artefact.skops"


def train_task(folder: Path, task: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """Trains as the task says; with `parameters` it fits with exactly those and searches for none.

    Returns:
        What the model's row needs besides the artefact, and what the training cost.
    """
    began = time.monotonic()
    from .estimator_files import load_estimator
    from .models.train import train

    examples, options = read_examples(folder / EXAMPLES), ModelOptions.model_validate(task["options"])
    with naming_infinities(examples, options.features.names):
        trained = train(
            examples,
            options,
            load_estimator(Path(task["file"]), task["estimator"]),
            parameters=task.get("parameters"),
            study=Path(task["study"]) if task.get("study") else None,
            say=say,
            clock=time.monotonic,
        )
    (folder / ARTEFACT).write_bytes(trained.artefact)
    return {
        "parameters": dict(trained.parameters),
        "thresholds": dict(trained.thresholds),
        "search": list(trained.search),
        "metrics": dict(trained.metrics),
        "trained_from": trained.trained_from.isoformat(),
        "trained_until": trained.trained_until.isoformat(),
        "n_examples": trained.n_examples,
        "seconds": round(time.monotonic() - began, 2),
    }


if __name__ == "__main__":
    answer_task(train_task)
