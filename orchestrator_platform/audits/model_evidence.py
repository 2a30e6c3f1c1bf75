"""What the judging process holds of a model: the loaded artefact, the examples on both sides of the split, and how well
it answers those that were held out. Knows no lake.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..learning.resampling import Measured, Scored, draw_weights
from ..records.findings import SAMPLE_LIMIT, Severity
from ..records.models import ModelOptions
from .model_names import CLUSTER

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd


@dataclass(frozen=True)
class Judged:
    """One result as the process answers it; whoever asked makes a finding of it."""

    check: str
    passed: bool
    message: str
    severity: Severity = Severity.ERROR
    measured: float | str | None = None
    limit: float | str | None = None
    n_failing: int = 0
    sample: Sequence[dict[str, Any]] = ()

    def as_json(self) -> dict[str, Any]:
        """Returns the result as JSON can hold it."""
        values = {name: _finite(getattr(self, name)) for name in ("measured", "limit")}
        sample = [{name: str(value) for name, value in row.items()} for row in self.sample[:SAMPLE_LIMIT]]
        said = {"check": self.check, "passed": self.passed, "message": self.message, "severity": self.severity.value}
        return {**said, **values, "n_failing": self.n_failing, "sample": sample}


@dataclass(frozen=True)
class Evidence:
    """`model` has `predict_proba`; `probabilities` are its answers to the holdout, shape (n, n_classes).

    `champion` is the model that serves, `champion_until` the time until which it was trained.
    """

    options: ModelOptions
    model: Any
    train: "pd.DataFrame"
    holdout: "pd.DataFrame"
    probabilities: "npt.NDArray[np.float64]"
    champion: Any = None
    champion_until: str = ""

    @cached_property
    def scored(self) -> Scored:
        return self.scored_as(self.probabilities)

    def scored_as(self, probabilities: "npt.NDArray[np.float64]") -> Scored:
        """Returns other probabilities for the same holdout."""
        return Scored(self.truth_of(self.holdout), probabilities, self.positive)

    @property
    def positive(self) -> "npt.NDArray[np.bool_]":
        return np.array([name in self.options.positive for name in self.options.classes], dtype=np.bool_)

    def truth_of(self, examples: "pd.DataFrame") -> "npt.NDArray[np.int64]":
        """Returns the place of each example's class."""
        places = {name: place for place, name in enumerate(self.options.classes)}
        return np.asarray(examples[self.options.target].map(places), dtype=np.int64)

    @cached_property
    def weights(self) -> "npt.NDArray[np.float64]":
        return draw_weights(self.holdout[CLUSTER].to_numpy(dtype=np.int64), self.options.seed)

    def features_of(self, examples: "pd.DataFrame") -> "pd.DataFrame":
        """Returns what the model is given of examples."""
        return examples[list(self.options.features.names)]

    def keys_of(self, examples: "pd.DataFrame") -> list[dict[str, Any]]:
        """Returns the keys of examples, to name them."""
        named = examples[list(self.options.key)].head(SAMPLE_LIMIT).to_dict("records")
        return [{str(name): value for name, value in row.items()} for row in named]


def judged_against(check: str, measured: Measured, floor: float, what: str) -> Judged:
    """Returns what a value that should not be below its floor amounts to.

    Clearly below is an error; below, but not by more than what other examples of the same kind could give, is for a
    person to decide: noise alone neither passes nor fails.
    """
    said = f"{what} {measured.told}, at least {floor:.3f} asked for"
    shared: dict[str, Any] = {"measured": round(measured.value, 4), "limit": floor}
    if measured.value >= floor:
        return Judged(check, True, said, **shared)
    if measured.high >= floor:
        return Judged(check, False, f"{said}: below it, within the noise", Severity.ESCALATE, n_failing=1, **shared)
    return Judged(check, False, said, n_failing=1, **shared)


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value
