"""Words and tokens of columns as sparse numbers, in transformers whose fitted state is a few plain arrays.

A vocabulary is kept as one array of bytes: an artefact holds it whole, small, and with nothing to execute.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import normalize

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    from scipy.sparse import csr_matrix

_BETWEEN = "\n"
_ANY = r"\S+"


class _Vocabulary(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Counts the terms of one text per row; which terms count is learned."""

    _counter: CountVectorizer | None = None

    def fit(self, frame: "pd.DataFrame", y: object = None) -> Self:
        self.fit_transform(frame, y)
        return self

    def fit_transform(self, frame: "pd.DataFrame", y: object = None, **_: object) -> "csr_matrix":  # noqa: ARG002  # scikit-learn passes it
        counter = self._new_counter(None)
        counts = counter.fit_transform(self._texts(frame))
        terms = _BETWEEN.join(counter.get_feature_names_out())
        self.terms_ = np.frombuffer(terms.encode("utf-8"), dtype=np.uint8).copy()
        self._counter = counter
        return self._weigh(counts, fitting=True)

    def transform(self, frame: "pd.DataFrame") -> "csr_matrix":
        if self._counter is None:
            self._counter = self._new_counter(self.terms())
        return self._weigh(self._counter.transform(self._texts(frame)), fitting=False)

    def terms(self) -> list[str]:
        """The terms in the order of the columns."""
        return self.terms_.tobytes().decode("utf-8").split(_BETWEEN)

    def get_feature_names_out(self, _: object = None) -> "npt.NDArray[np.object_]":
        return np.asarray(self.terms(), dtype=object)

    def __getstate__(self) -> dict[str, Any]:
        # The counter is made anew from the terms; only they are kept.
        return {name: value for name, value in super().__getstate__().items() if name != "_counter"}

    def _new_counter(self, terms: list[str] | None) -> CountVectorizer:
        raise NotImplementedError

    def _texts(self, frame: "pd.DataFrame") -> list[str]:
        raise NotImplementedError

    def _weigh(self, counts: "csr_matrix", *, fitting: bool) -> "csr_matrix":
        raise NotImplementedError


class WordWeights(_Vocabulary):
    """TF-IDF of the words, and of neighbouring words, of all columns' texts together; rows of unit length.

    Counts are damped to 1 + ln n. A word that fewer than `least` rows have is left out.
    """

    def __init__(self, least: int = 3, neighbours: int = 2, most: int = 40_000) -> None:
        self.least, self.neighbours, self.most = least, neighbours, most

    def _new_counter(self, terms: list[str] | None) -> CountVectorizer:
        limits: dict[str, Any] = {"vocabulary": terms} if terms else {"min_df": self.least, "max_features": self.most}
        return CountVectorizer(ngram_range=(1, self.neighbours), dtype=np.float32, **limits)

    def _texts(self, frame: "pd.DataFrame") -> list[str]:
        return [" ".join(parts) for parts in zip(*(_filled(frame[name]) for name in frame.columns), strict=True)]

    def _weigh(self, counts: "csr_matrix", *, fitting: bool) -> "csr_matrix":
        if fitting:
            n_rows_with = np.bincount(counts.indices, minlength=counts.shape[1])
            self.weights_ = (np.log((1 + counts.shape[0]) / (1 + n_rows_with)) + 1).astype(np.float32)
        counts.data = (1 + np.log(counts.data)) * self.weights_[counts.indices]
        return normalize(counts, copy=False)


class Tokens(_Vocabulary):
    """One column for each value of each category: `column=value`; a value that fewer than `least` rows have is left
    out, and so is all but the `most` frequent.

    The texts of the columns in `lists` are lists: each of their words is a value. A missing value is a value. `weight`
    is what a value counts, beside words whose row has the length 1.
    """

    def __init__(
        self, lists: tuple[str, ...] = (), least: int = 2, weight: float = 0.3, most: int | None = None
    ) -> None:
        self.lists, self.least, self.weight, self.most = lists, least, weight, most

    def _new_counter(self, terms: list[str] | None) -> CountVectorizer:
        limits: dict[str, Any] = {"vocabulary": terms} if terms else {"min_df": self.least, "max_features": self.most}
        return CountVectorizer(token_pattern=_ANY, lowercase=False, binary=True, dtype=np.float32, **limits)

    def _texts(self, frame: "pd.DataFrame") -> list[str]:
        columns = [list(self._tokens(name, frame[name])) for name in frame.columns]
        return [" ".join(parts) for parts in zip(*columns, strict=True)]

    def _tokens(self, name: str, values: "pd.Series[Any]") -> Iterator[str]:
        kept = "_".join(name.split())
        for value in _filled(values):
            words = value.split()
            one_each = words if name in self.lists and words else ["_".join(words)]
            yield " ".join(f"{kept}={word}" for word in one_each)

    def _weigh(self, counts: "csr_matrix", *, fitting: bool) -> "csr_matrix":  # noqa: ARG002  # scikit-learn passes it
        counts.data *= np.float32(self.weight)
        return counts


def _filled(values: "pd.Series[Any]") -> list[str]:
    known = values.notna().to_numpy()
    return [str(value) if is_known else "" for value, is_known in zip(values, known, strict=True)]
