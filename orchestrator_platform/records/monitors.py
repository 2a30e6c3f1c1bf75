"""What a project says of watching a model: what is compared with what, from when on it counts, what is asked."""

from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase

from pydantic import Field

from .base import Record
from .keys import AssetKey


class Measure(StrEnum):
    """INPUT_DRIFT: of one feature. SCORE_DRIFT: of the model's probabilities. ESTIMATED and REALISED: ROC AUC without
    and with labels. LABELS: labelled examples that came since it was trained. AGE: days of examples since then.
    """

    INPUT_DRIFT = "input_drift"
    SCORE_DRIFT = "score_drift"
    ESTIMATED = "estimated_roc_auc"
    REALISED = "realised_roc_auc"
    LABELS = "new_labels"
    AGE = "age_days"


class MonitorLimits(Record):
    """From when on a measure is a finding, and asks for a training; `None` switches one off.

    `drift` is of the population stability index, where .25 counts as a large shift; `decay` is a loss of ROC AUC
    against the reference, estimated or realised; `labels` counts labelled examples, `age_days` days of examples.
    """

    drift: float | None = Field(default=0.25, gt=0)
    decay: float | None = Field(default=0.05, gt=0, le=1)
    labels: int | None = Field(default=1000, gt=0)
    age_days: float | None = Field(default=30, gt=0)


class MonitorOptions(Record):
    """`model` is the asset that is watched, on the examples that it is declared with.

    What comes in the first `reference_days` after the last example that was trained on is what later months are
    compared with; inputs are compared with those that were trained on. Fewer rows than `min_rows` are not judged.
    `ignore` are features, or patterns such as `n_by_*`, that move by their nature: counts that grow with a log.
    """

    model: AssetKey
    limits: MonitorLimits = MonitorLimits()
    reference_days: int = Field(default=15, gt=0)
    min_rows: int = Field(default=200, gt=0)
    ignore: tuple[str, ...] = ()

    def watches(self, feature: str) -> bool:
        """Whether the drift of a feature is measured."""
        return not any(fnmatchcase(feature, pattern) for pattern in self.ignore)


MODEL = "(model)"
# Name, type and meaning of each column, in order.
MONITOR_COLUMNS = (
    ("month", "VARCHAR", "The month of the examples, such as 2024-06."),
    ("feature", "VARCHAR", "The column that moved, or (model) for what is of the model as a whole."),
    ("measure", "VARCHAR", "What was measured."),
    ("value", "DOUBLE", "What it was."),
    ("reference", "DOUBLE", "What it is compared with, where that is a number."),
    ("bound", "DOUBLE", "The declared limit, or what chance alone may exceed where that is more."),
    ("passed", "BOOLEAN", "Whether it is within the limit; null where there are too few rows to judge."),
    ("n_reference", "BIGINT", "How many rows it is compared with."),
    ("n_current", "BIGINT", "How many rows of the month it is of."),
    ("until", "TIMESTAMP", "The time of the newest example of the month."),
    ("model_sha256", "VARCHAR", "sha256 of the artefact that was watched."),
)
GRAIN = ("month", "feature", "measure")


class MonitorRow(Record):
    """One measure of one month, as `MONITOR_COLUMNS` say."""

    month: str
    feature: str
    measure: Measure
    value: float
    reference: float | None = None
    bound: float | None = None
    passed: bool | None = None
    n_reference: int = 0
    n_current: int = 0
    until: datetime | None = None
