"""What a project's `estimator.py` gives: how an estimator is built, and from which parameters a search chooses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import optuna

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Estimator:
    """`build` returns an unfitted scikit-learn classifier for some parameters and a seed; `suggest` asks a trial for
    parameters.

    `prepare`, where there is one, returns an unfitted transformer of the frame of features into a matrix. It is fitted
    once for each fold and once for the model, never once for each trial, and what `build` returns is given the matrix
    instead of the frame. What is costly and does not depend on parameters belongs there: the words of texts above all.
    `weigh`, where there is one, returns for some parameters and the examples' days, datetime64[D] of shape (n,), what
    each example counts, float64 of shape (n,).
    """

    build: Callable[[Parameters, int], Any]
    suggest: "Callable[[optuna.Trial], Parameters]"
    prepare: Callable[[], Any] | None = None
    weigh: "Callable[[Parameters, npt.NDArray[np.datetime64]], npt.NDArray[np.float64]] | None" = None
