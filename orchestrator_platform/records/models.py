"""What a project says of a model: learned from which examples, by which estimator, measured how, within what bounds."""

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from .base import Record
from .keys import AssetKey

MetricName = Literal["roc_auc", "average_precision", "log_loss", "brier", "calibration_error"]
# Metrics of which less is better.
LOSSES: frozenset[str] = frozenset({"log_loss", "brier", "calibration_error"})


class FeatureColumns(Record):
    """The columns that the estimator is given, by what they hold. `other` are those that were only listed."""

    text: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    number: tuple[str, ...] = ()
    other: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All columns in the order in which the estimator gets them."""
        return (*self.text, *self.category, *self.number, *self.other)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        doubled = sorted({name for name in self.names if self.names.count(name) > 1})
        if doubled:
            raise ValueError(f"listed more than once: {', '.join(doubled)}")
        if not self.names:
            raise ValueError("a model needs at least one feature")
        return self


class Holdout(Record):
    """What is measured on and never trained on: the last `days` days with labelled examples, or all days `since`."""

    days: int | None = Field(default=None, gt=0)
    since: dt.date | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.days is None) == (self.since is None):
            raise ValueError("a holdout is told by `days` or by `since`, by one of them")
        return self


class Validation(Record):
    """Time-ordered folds: each is trained on all that came before it."""

    folds: int = Field(default=3, ge=2, le=20)


class Budget(Record):
    """A search ends after so many trials, and before that only when the minutes are over."""

    trials: int = Field(default=20, gt=0)
    minutes: float = Field(default=1.5, gt=0, allow_inf_nan=False)


class Slice(Record):
    """Examples that a model must not fail on. `where` is a condition in SQL over the examples' columns.

    A slice of fewer examples than `min_support` is measured and told, and judged no further.
    """

    name: str = Field(min_length=1)
    where: str = Field(min_length=1)
    floor: float = Field(ge=0, le=1)
    min_support: int = Field(default=50, gt=0)


class ModelOptions(Record):
    """A model, as its component declares it. `examples` is a table whose grain is `key`.

    `positive` are the classes that ROC AUC and average precision are of, against the rest; with two classes the second
    where nothing is said. `floors` are least values of metrics, most values of losses. `cluster` are columns or SQL
    expressions: examples that share them are drawn together when an interval is made. `estimator` is `file.py:NAME`
    beside the component. `allowed_types` may stand in an artefact besides the platform's own list.
    """

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$")
    examples: AssetKey
    key: tuple[str, ...] = Field(min_length=1)
    time: str
    target: str
    classes: tuple[str, ...] = Field(min_length=2)
    positive: tuple[str, ...] = ()
    features: FeatureColumns
    estimator: str = Field(pattern=r"^[^:]+\.py:[A-Za-z_][A-Za-z0-9_]*$")
    holdout: Holdout
    train_since: dt.date | None = None
    validation: Validation = Validation()
    metric: MetricName = "roc_auc"
    floors: dict[MetricName, Annotated[float, Field(allow_inf_nan=False)]] = Field(default_factory=dict)
    max_calibration_error: float = Field(default=0.05, gt=0, le=1)
    tolerance: float = Field(default=0.01, ge=0, le=1)
    slices: tuple[Slice, ...] = ()
    cluster: tuple[str, ...] = ()
    budget: Budget = Budget()
    seed: int = Field(default=7, ge=0, lt=2**32)
    allowed_types: tuple[str, ...] = ()
    min_examples: int = Field(default=200, gt=0, description="trained on")
    min_holdout: int = Field(default=50, gt=0, description="measured on")
    max_feature_auc: float = Field(default=0.97, gt=0.5, le=1, description="of one feature alone")
    max_artefact_mb: float = Field(default=32, gt=0)
    max_latency_ms: float = Field(default=50, gt=0, description="of one row, at the 95th percentile; it warns")

    @field_validator("features", mode="before")
    @classmethod
    def _listed(cls, given: object) -> object:
        return {"other": given} if isinstance(given, list | tuple) else given

    @model_validator(mode="before")
    @classmethod
    def _second_is_positive(cls, given: object) -> object:
        if isinstance(given, dict) and not given.get("positive"):
            classes = given.get("classes")
            if isinstance(classes, list | tuple) and len(classes) == 2:
                return {**given, "positive": (classes[1],)}
        return given

    @model_validator(mode="after")
    def _classes_are_told(self) -> Self:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("a class is listed more than once")
        if not self.positive:
            raise ValueError("with more than two classes, `positive` says which are measured against the rest")
        unknown = sorted(set(self.positive) - set(self.classes))
        if unknown:
            raise ValueError(f"`positive` lists no class of this model: {', '.join(unknown)}")
        if set(self.positive) == set(self.classes):
            raise ValueError("`positive` lists every class: there is no rest")
        return self

    @model_validator(mode="after")
    def _features_are_no_answers(self) -> Self:
        taken = {self.target, self.time, *self.key} & set(self.features.names)
        if taken:
            raise ValueError(f"key, time and target are no features: {', '.join(sorted(taken))}")
        return self
