"""A model's own tokens of a text: counted, cut, and where they lie. Knows no engine and no vectors."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import EmbedderUnusable
from .splitting import Span, split_text

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# So many characters for each token that a model reads are looked at; words have fewer.
CHARACTERS_PER_TOKEN = 64
_SURROGATES = re.compile("[\ud800-\udfff]")


def readable(text: str) -> str:
    """Returns the text with halves of surrogate pairs, which no encoding knows, replaced one by one."""
    return _SURROGATES.sub("\ufffd", text)


@dataclass(frozen=True, eq=False)
class Tokens:
    """What a model reads of one text: `ids`, int64. `n_tokens` counts the whole text, as far as it was looked at."""

    ids: "npt.NDArray[np.int64]"
    n_tokens: int
    truncated: bool


class ModelTokenizer:
    """A `tokenizer.json` whose own padding and truncation are not used: both would depend on the file's author."""

    def __init__(self, file: Path, max_tokens: int) -> None:
        self._file, self._max_tokens = file, max_tokens
        self._cutting: Any = _load_tokenizer(file)
        self._cutting.enable_truncation(max_tokens)
        self._whole: Any = None
        self.n_special: int = self._cutting.num_special_tokens_to_add(False)

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        """Returns the tokens of each text, at most as many as the model reads, special ones included."""
        most = self._max_tokens * CHARACTERS_PER_TOKEN
        heads = [readable(text[:most]) for text in texts]
        return [
            self._tokens(found, longer=len(text) > most)
            for text, found in zip(texts, self._cutting.encode_batch(heads), strict=True)
        ]

    def _tokens(self, found: Any, *, longer: bool) -> Tokens:
        import numpy as np

        # What was cut off comes in pieces, each with special tokens of its own.
        n_tokens = len(found.ids) + sum(len(piece.ids) - self.n_special for piece in found.overflowing)
        # A model without special tokens reads nothing of an empty text; one token of number 0 stands for it.
        return Tokens(np.asarray(found.ids or [0], np.int64), n_tokens, n_tokens > self._max_tokens or longer)

    def spans(self, text: str) -> list[Span]:
        """Returns where the text's tokens lie, special ones left out, and which of them begin a word."""
        if self._whole is None:
            self._whole = _load_tokenizer(self._file)
        found = self._whole.encode(readable(text), add_special_tokens=False)
        words = [None, *found.word_ids]
        return [
            Span(start, end, begins_word=word != before)
            for (start, end), word, before in zip(found.offsets, found.word_ids, words, strict=False)
            if end > start
        ]

    def split(self, text: str, max_tokens: int, overlap: int) -> list[str]:
        return split_text(text, max_tokens - self.n_special, overlap, self.spans)


def _load_tokenizer(file: Path) -> Any:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:
        raise EmbedderUnusable(
            embedder=str(file), problem=f"it is no tokenizer ({error})", fix="Save the tokenizer in its one-file form."
        ) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
