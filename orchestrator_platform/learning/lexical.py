"""BM25 over postings: how well the words of a question fit each text. Knows no file, no language and no lake.

The weight of a word in a text does not depend on the question, so it is worked out when the postings are made; a
question then adds up the weights of its words. The formula:
idf · tf (k1 + 1) / (tf + k1 (1 - b + b · length / average length)), with idf = ln(1 + (n - df + .5) / (df + .5)).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

K1, B = 1.2, 0.75


def word_weights(
    df: "npt.NDArray[np.int64]",
    tf: "npt.NDArray[np.int64]",
    lengths: "npt.NDArray[np.int64]",
    n_texts: int,
    average_length: float,
) -> "npt.NDArray[np.float32]":
    """Returns the weight of each posting, float32.

    Args:
        df: In how many texts the posting's word is.
        tf: How often it is in this one.
        lengths: How many words this one has.
        n_texts: Of how many texts there are.
        average_length: How many words a text has on average.
    """
    import numpy as np

    rarity = np.log1p((n_texts - df + 0.5) / (df + 0.5))
    saturation = tf * (K1 + 1) / (tf + K1 * (1 - B + B * lengths / max(average_length, 1.0)))
    return (rarity * saturation).astype(np.float32)


def text_scores(
    n_texts: int,
    texts: "npt.NDArray[np.int32]",
    weights: "npt.NDArray[np.float32]",
    spans: Sequence[tuple[int, int]],
) -> "npt.NDArray[np.float32]":
    """Returns the score of each text, float32, shape (n_texts,); 0 where none of the words is in it.

    Args:
        n_texts: How many texts there are.
        texts: Of each posting the text's number; those of one word lie together.
        weights: Of each posting the weight.
        spans: From where to where the postings of each of the question's words lie.
    """
    import numpy as np

    scores = np.zeros(n_texts, dtype=np.float32)
    for begins, ends in spans:
        # A word is in a text once, so that no place is added to twice at a time.
        scores[texts[begins:ends]] += weights[begins:ends]
    return scores
