"""Texts held out that are nearly texts trained on: a model that knows them by heart looks better than it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

ALIKE = 0.9
_ROWS_AT_ONCE = 512
_ANY = r"\S+"


@dataclass(frozen=True)
class NearDuplicate:
    """The places of a test text and of the train text that it is most like, and how alike they are."""

    tested: int
    trained: int
    cosine: float


def near_duplicates(
    train_texts: Sequence[str], test_texts: Sequence[str], alike: float = ALIKE
) -> tuple[NearDuplicate, ...]:
    """Returns each test text that is at least so much like a train text, with the one that it is most like.

    The likeness is the cosine of TF-IDF over words and neighbouring words. An empty text is like none.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    if not any(text.strip() for text in [*train_texts, *test_texts]):
        return ()
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=_ANY, dtype=np.float32)
    # Words of both sides are weighed: one that only the test text has makes it less like any other.
    weighed = words.fit_transform([*train_texts, *test_texts]).tocsr()
    trained, tested = weighed[: len(train_texts)].T.tocsr(), weighed[len(train_texts) :]
    found: list[NearDuplicate] = []
    for start in range(0, tested.shape[0], _ROWS_AT_ONCE):
        cosines = (tested[start : start + _ROWS_AT_ONCE] @ trained).tocsr()
        for row in range(cosines.shape[0]):
            place, cosine = _nearest(cosines, row)
            if cosine >= alike:
                found.append(NearDuplicate(start + row, place, cosine))
    return tuple(found)


def _nearest(cosines: Any, row: int) -> tuple[int, float]:
    begin, end = cosines.indptr[row], cosines.indptr[row + 1]
    if begin == end:
        return -1, 0.0
    best = begin + int(np.argmax(cosines.data[begin:end]))
    return int(cosines.indices[best]), min(float(cosines.data[best]), 1.0)
