"""The one row that every version of a model is: the artefact beside what it was made with.

Nothing that can change while the model stays the same is in it, so that a model trained anew is the same content.
"""

from datetime import datetime
from typing import Any

from pydantic import Field, Json

from .base import Record

MODEL, ARTEFACT, ARTEFACT_SHA256, FORMAT = "model", "artefact", "artefact_sha256", "artefact_format"
SKOPS = "skops"
# Name, type and meaning of each column, in order.
MODEL_COLUMNS = (
    (MODEL, "VARCHAR", "The registered name."),
    (ARTEFACT, "BLOB", "The fitted and calibrated estimator; it is read without executing anything that it holds."),
    (ARTEFACT_SHA256, "VARCHAR", "sha256 of the artefact."),
    (FORMAT, "VARCHAR", "How the artefact is written: skops."),
    ("target", "VARCHAR", "The column of the examples that is predicted."),
    ("classes", "VARCHAR[]", "Its values, in the order of the probabilities."),
    ("features", "VARCHAR[]", "The columns of the examples that the model is given, in order."),
    ("trained_from", "TIMESTAMP", "The time of the first example that was trained on."),
    ("trained_until", "TIMESTAMP", "The time of the last example that was trained on."),
    ("n_examples", "BIGINT", "How many examples were trained on."),
    ("seed", "BIGINT", "What every random choice began with."),
    ("parameters", "VARCHAR", "The parameters that the search chose, as JSON."),
    ("thresholds", "VARCHAR", "From which probability on a class is called, chosen on validation, as JSON."),
    ("search", "VARCHAR", "Every trial of the search, as JSON."),
    ("metrics", "VARCHAR", "What the trainer measured, as JSON; it is shown, and no audit reads it."),
    ("code_version", "VARCHAR", "Hash of the estimator's code and of the options that it is trained by."),
    ("environment", "VARCHAR", "sha256 of the installed distributions and their versions."),
    ("data_versions", "VARCHAR", "The data version of each parent as it was read, as JSON."),
)


class ModelRow(Record):
    """What a version of a model says of itself, without the artefact and without what the trainer measured."""

    model: str
    artefact_sha256: str
    artefact_format: str
    target: str
    classes: tuple[str, ...]
    features: tuple[str, ...]
    trained_from: datetime
    trained_until: datetime
    n_examples: int
    seed: int
    parameters: Json[dict[str, Any]]
    thresholds: Json[Any]
    code_version: str
    environment: str
    data_versions: Json[dict[str, str]]


class TrainingCounts(Record):
    """What a training cost: it is told and kept in the journal, and never in the model's row."""

    n_examples: int = 0
    n_trials: int = 0
    seconds: float = Field(default=0.0, description="of the training process")
    cpu_seconds: float = 0.0
    peak_mb: float = 0.0
