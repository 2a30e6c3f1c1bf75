"""The interface of every embedder. Knows no engine, no endpoint and no lake."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..records.embedders import EmbedderIdentity, EmbeddingCost

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class EmbeddedBatch:
    """Some of the texts that were asked for, done.

    `positions` are their places in what was given, int64, shape (n,); `vectors` float32, shape (n, dim), unit length;
    `n_tokens` what the text counts before it is cut, int64; `truncated` whether not all of it is read, bool. Of a text
    of many thousand characters only the beginning is looked at, and counted.
    """

    positions: "npt.NDArray[np.int64]"
    vectors: "npt.NDArray[np.float32]"
    n_tokens: "npt.NDArray[np.int64]"
    truncated: "npt.NDArray[np.bool_]"


class Embedder(Protocol):
    """Turns texts into unit vectors. The vector of a text depends on the text alone, never on its neighbours."""

    @property
    def identity(self) -> EmbedderIdentity: ...

    @property
    def cost(self) -> EmbeddingCost:
        """What was asked of an endpoint so far; nothing for an embedder that works here."""
        ...

    def embed(self, texts: Sequence[str]) -> Iterator[EmbeddedBatch]:
        """Yields batches in an order of the embedder's own, each text exactly once.

        What was yielded is done: a caller may keep it, count it, and stop at any batch. An empty text has a vector,
        too: that of no words.
        """
        ...

    def split(self, text: str, max_tokens: int, overlap: int) -> list[str]:
        """Returns exact substrings of the text, in order, each of at most `max_tokens` of the embedder's tokens.

        Neighbours share `overlap` tokens, or a little fewer, so that each begins with a word; together they cover the
        text but for white space. A text that fits comes back whole, and so does an empty one: `[""]`.
        """
        ...
