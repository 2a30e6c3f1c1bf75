"""The process that watches a model: it loads the artefact, scores what came since, and measures month by month.

Run as `python -m orchestrator_platform.learning.monitoring.watching_process FOLDER`.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...records.models import ModelOptions
from ...records.monitors import MonitorOptions
from ..fresh_process import answer_task
from ..labelled_examples import read_examples
from .measuring import ARTEFACT, EXAMPLES
from .watching import Watched, rows_to_score, watch

if TYPE_CHECKING:
    import pandas as pd

# What differs beyond comes from the order in which a machine adds.
_DIGITS = 9


def watch_task(folder: Path, task: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """Returns every measure of every month since the model was trained."""
    model, options = ModelOptions.model_validate(task["model"]), MonitorOptions.model_validate(task["options"])
    watched = Watched(
        features=_kinds(model),
        time=model.time,
        target=model.target,
        positive=model.positive,
        trained_from=datetime.fromisoformat(task["trained_from"]),
        trained_until=datetime.fromisoformat(task["trained_until"]),
    )
    examples = read_examples(folder / EXAMPLES)
    later = rows_to_score(examples, watched)
    say(f"watching {model.name} on {len(later)} examples that came since it was trained")
    rows = watch(examples, _scores(folder / ARTEFACT, later, model), watched, options)
    dumped = [row.model_dump(mode="json") for row in rows]
    return {"rows": [{name: _rounded(value) for name, value in row.items()} for row in dumped]}


def _scores(artefact: Path, later: "pd.DataFrame", model: ModelOptions) -> "np.typing.NDArray[np.float64]":
    from ..models.artefact import predict, unpack_model

    if later.empty:
        return np.zeros(0)
    estimator = unpack_model(artefact.read_bytes(), model.allowed_types)
    probabilities = predict(estimator, later[list(model.features.names)])
    is_positive = np.array([name in model.positive for name in model.classes])
    return np.asarray(probabilities[:, is_positive].sum(axis=1), dtype=np.float64)


def _kinds(model: ModelOptions) -> dict[str, str]:
    features = model.features
    kinds = {"text": features.text, "category": features.category, "number": features.number, "": features.other}
    said = {name: kind for kind, names in kinds.items() for name in names}
    return {name: said[name] for name in features.names}


def _rounded(value: object) -> object:
    return round(value, _DIGITS) if isinstance(value, float) else value


if __name__ == "__main__":
    answer_task(watch_task)
