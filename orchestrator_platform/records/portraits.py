"""What can be seen of a model on the examples that were held out: measured anew, and drawn by whoever shows it."""

from .base import Record


class CalibrationBin(Record):
    """Examples of similar scores: their mean probability, and how many of them were so."""

    predicted: float
    observed: float
    n: int


class Importance(Record):
    """By how much the metric falls where a feature's values are shuffled, and how much shuffles differ in that."""

    feature: str
    mean: float
    deviation: float


class Portrait(Record):
    """`confusion` has a row for each class and a column for what it was called, in the order of `classes`; `threshold`
    is the probability of a positive class from which on one is called.
    """

    metric: str
    value: float | None
    n: int
    n_positive: int
    classes: tuple[str, ...]
    threshold: float
    calibration: tuple[CalibrationBin, ...]
    confusion: tuple[tuple[int, ...], ...]
    importances: tuple[Importance, ...]
