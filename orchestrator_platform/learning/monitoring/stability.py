"""How unlike two distributions are, and how much of that is chance: the population stability index.

PSI = Σ (q − p) · ln(q / p) over bins, with p of the reference and q of what is looked at. Two samples of one population
have, in the mean, (bins − 1) · (1/n + 1/m); the index is distributed about as (1/n + 1/m) times chi-squared with
bins − 1 degrees of freedom (Yurdakul, Naranjo: Statistical properties of the population stability index, Journal of
Risk Model Validation 14(4), 2020).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    Counts = npt.NDArray[np.float64]

N_BINS, MOST_VALUES, MOST_WORDS = 10, 20, 50
# So rarely does chance alone exceed the noise: a table of months and features makes a thousand comparisons.
_CHANCE = 0.001
_HALF = 0.5
NULL, OTHER = "null", "other"


@dataclass(frozen=True)
class Shift:
    """The index of one feature; `noise` is what two such samples exceed by chance once in a thousand times."""

    value: float
    noise: float
    n_reference: int
    n_current: int


def compare_counts(reference: "Counts", current: "Counts", n_reference: int, n_current: int) -> Shift:
    """Returns the index of counts per bin. `n_…` count rows, which may be fewer than what is counted of them.

    Half a row is added to every bin, so that an empty one stays finite.
    """
    bins = len(reference)
    p = (reference + _HALF) / (reference.sum() + _HALF * bins)
    q = (current + _HALF) / (current.sum() + _HALF * bins)
    value = float(((q - p) * np.log(q / p)).sum())
    rows = 1 / max(n_reference, 1) + 1 / max(n_current, 1)
    return Shift(value, rows * chi_squared(max(bins - 1, 1), 1 - _CHANCE), n_reference, n_current)


def chi_squared(degrees: int, level: float) -> float:
    """Returns the quantile of chi-squared, by Wilson and Hilferty's approximation (1931)."""
    z = NormalDist().inv_cdf(level)
    spread = 2 / (9 * degrees)
    return float(degrees * (1 - spread + z * spread**0.5) ** 3)


Binning = Callable[["pd.Series[Any]"], "Counts"]
"""Counts a column's values in bins that were made of the reference."""


def number_bins(reference: "pd.Series[Any]") -> Binning:
    """Returns bins that each hold as much of the reference, one more for what is missing."""
    known = _numbers(reference)
    known = known[np.isfinite(known)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, N_BINS + 1)[1:-1])) if len(known) else np.zeros(0)

    def count(values: "pd.Series[Any]") -> "Counts":
        found = _numbers(values)
        finite = found[np.isfinite(found)]
        # A value on an edge lies to its left, so that a number which is half of the reference has a bin of its own.
        counted = np.bincount(np.searchsorted(edges, finite, side="left"), minlength=len(edges) + 1)
        return np.append(counted, len(found) - len(finite)).astype(np.float64)

    return count


def category_bins(reference: "pd.Series[Any]") -> Binning:
    """Returns a bin for each frequent value of the reference, one for all others, one for what is missing."""
    frequent = Counter(_categories(reference))
    frequent.pop(NULL, None)
    named = [value for value, _ in sorted(frequent.items(), key=lambda item: (-item[1], item[0]))[:MOST_VALUES]]
    return _counting([*named, OTHER, NULL], _categories)


def word_bins(reference: "pd.Series[Any]") -> Binning:
    """Returns a bin for each frequent word of the reference's texts, one for all others, one for texts without any."""
    frequent = Counter(word for word in _words(reference) if word != NULL)
    named = [word for word, _ in sorted(frequent.items(), key=lambda item: (-item[1], item[0]))[:MOST_WORDS]]
    return _counting([*named, OTHER, NULL], _words)


@dataclass(frozen=True, eq=False)
class Reference:
    """A column as it was, with the bins that were made of it."""

    binning: Binning
    counts: "Counts"
    n_rows: int

    def compare(self, current: "pd.Series[Any]") -> Shift:
        """Returns how far the column moved."""
        return compare_counts(self.counts, self.binning(current), self.n_rows, len(current))


def reference_of(column: "pd.Series[Any]", kind: str) -> Reference:
    """Returns what a column is compared with later; `kind` is `text`, `category` or `number`."""
    binning = {"text": word_bins, "number": number_bins}.get(kind, category_bins)(column)
    return Reference(binning, binning(column), len(column))


def kind_of(column: "pd.Series[Any]") -> str:
    """Returns how a column that nobody described is compared."""
    import pandas as pd

    is_number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    return "number" if is_number else "category"


def _counting(names: Sequence[str], read: Callable[["pd.Series[Any]"], Iterable[str]]) -> Binning:
    # A value that is called as a bin of ours must not be mistaken for it: those are the last two.
    places = {name: place for place, name in enumerate(names[:-2])}
    other, null = len(names) - 2, len(names) - 1

    def count(values: "pd.Series[Any]") -> "Counts":
        counted = np.zeros(len(names))
        for value, number in Counter(read(values)).items():
            counted[null if value == NULL else places.get(value, other)] += number
        return counted

    return count


def _numbers(values: "pd.Series[Any]") -> "npt.NDArray[np.float64]":
    import pandas as pd

    return np.asarray(pd.to_numeric(values, errors="coerce").to_numpy(dtype="float64", na_value=np.nan))


def _categories(values: "pd.Series[Any]") -> Iterable[str]:
    """One name for each value; of a list one for each member."""
    for value in values:
        if isinstance(value, (list, tuple, np.ndarray)):
            yield from (f"={member}" for member in value) if len(value) else (NULL,)
        else:
            yield NULL if _is_missing(value) else f"={value}"


def _words(values: "pd.Series[Any]") -> Iterable[str]:
    """The words of each text, each once: of how many texts it is a word."""
    for value in values:
        words = set() if _is_missing(value) else set(str(value).lower().split())
        yield from (f"={word}" for word in words) if words else (NULL,)


def _is_missing(value: object) -> bool:
    return value is None or value != value or str(value) == "<NA>"  # noqa: PLR0124 (NaN and NaT differ from themselves)
