"""Embedding on this machine: tokenise, put in batches, run the graph, pool, bring to unit length."""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import EmbedderUnusable, EmbeddingFailed
from ..records.embedders import EmbedderIdentity, EmbeddingCost
from .batching import batches_by_length, windows
from .embedder import EmbeddedBatch
from .engines import Engine
from .tokens import ModelTokenizer, Tokens

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Ids = npt.NDArray[np.int64]

# Rows are padded to a multiple, so that few shapes are met; what is padded is masked and adds exactly nothing.
_PAD_TO = 8
_TOKENISED_AT_ONCE = 256
_INPUTS = frozenset({"input_ids", "attention_mask", "token_type_ids"})


@dataclass(frozen=True)
class LocalModel:
    """What an embedder on this machine is made of; tokenizer and graph are loaded when they are needed.

    `alone` gives the graph one text at a time: for one that computes with what stands beside a text in its batch.
    """

    identity: EmbedderIdentity
    load_tokenizer: Callable[[], ModelTokenizer]
    load_engine: Callable[[], Engine]
    batch_size: int
    alone: bool = False


class LocalEmbedder:
    """An embedder of this machine."""

    def __init__(self, model: LocalModel) -> None:
        self._model = model
        self._tokenizer: ModelTokenizer | None = None
        self._engine: Engine | None = None

    @property
    def identity(self) -> EmbedderIdentity:
        return self._model.identity

    @property
    def cost(self) -> EmbeddingCost:
        return EmbeddingCost()

    def split(self, text: str, max_tokens: int, overlap: int) -> list[str]:
        """Returns the text's pieces; see `Embedder.split`."""
        return self._tokens().split(text, max_tokens, overlap)

    def embed(self, texts: Sequence[str]) -> Generator[EmbeddedBatch]:
        """Yields batches; see `Embedder.embed`.

        Raises:
            EmbedderUnusable: The graph cannot be loaded, or is no sentence encoder.
            EmbeddingFailed: What it gives is no vector.
        """
        for places in windows(texts):
            different = list(places)
            tokens = self._tokenise(different)
            lengths = [len(found.ids) for found in tokens]
            size = 1 if self._model.alone else self._model.batch_size
            for batch, vectors in self._run(tokens, batches_by_length(lengths, size)):
                yield _spread([places[different[one]] for one in batch], [tokens[one] for one in batch], vectors)

    def _tokens(self) -> ModelTokenizer:
        if self._tokenizer is None:
            self._tokenizer = self._model.load_tokenizer()
        return self._tokenizer

    def _tokenise(self, texts: Sequence[str]) -> list[Tokens]:
        parts = (texts[start : start + _TOKENISED_AT_ONCE] for start in range(0, len(texts), _TOKENISED_AT_ONCE))
        return [found for part in parts for found in self._tokens().encode(part)]

    def _run(self, tokens: Sequence[Tokens], batches: Sequence[list[int]]) -> "Iterator[tuple[list[int], Floats]]":
        engine = self._loaded()
        ahead: deque[tuple[list[int], Ids, Callable[[], Mapping[str, Floats]]]] = deque()
        try:
            for batch in batches:
                if len(ahead) == engine.n_ahead:
                    yield self._finish(*ahead.popleft())
                arrays = _arrays([tokens[one].ids for one in batch], 1 if self._model.alone else _PAD_TO)
                wanted = {name: array for name, array in arrays.items() if name in engine.inputs}
                ahead.append((batch, arrays["attention_mask"], engine.start(wanted)))
            while ahead:
                yield self._finish(*ahead.popleft())
        finally:
            for _, _, wait in ahead:
                wait()

    def _loaded(self) -> Engine:
        if self._engine is None:
            self._engine = self._model.load_engine()
            surplus = sorted(self._engine.inputs - _INPUTS)
            if surplus:
                raise EmbedderUnusable(
                    embedder=self.identity.name,
                    problem=f"its graph asks for {', '.join(surplus)[:200]}",
                    fix=f"Export a sentence encoder: its inputs are of {', '.join(sorted(_INPUTS))}.",
                )
        return self._engine

    def _finish(
        self, batch: list[int], mask: "Ids", wait: "Callable[[], Mapping[str, Floats]]"
    ) -> "tuple[list[int], Floats]":
        import numpy as np

        vectors = _pool(wait(), mask, self.identity.pooling)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if vectors.shape[1] != self.identity.dim:
            problem = f"gives vectors of {vectors.shape[1]} numbers, and its files promise {self.identity.dim}"
            raise EmbeddingFailed(embedder=self.identity.name, problem=problem)
        if not np.isfinite(vectors).all() or not (lengths > 0).all():
            raise EmbeddingFailed(embedder=self.identity.name, problem="gives vectors that are not finite, or all zero")
        return batch, (vectors / lengths).astype(np.float32)


def _arrays(ids: "Sequence[Ids]", pad_to: int) -> "dict[str, Ids]":
    import numpy as np

    width = -(-max(map(len, ids)) // pad_to) * pad_to
    padded, mask = np.zeros((len(ids), width), np.int64), np.zeros((len(ids), width), np.int64)
    for row, found in enumerate(ids):
        padded[row, : len(found)], mask[row, : len(found)] = found, 1
    return {"input_ids": padded, "attention_mask": mask, "token_type_ids": np.zeros_like(padded)}


def _pool(outputs: "Mapping[str, Floats]", mask: "Ids", pooling: str) -> "Floats":
    """Returns one vector for each text: the graph's own if it pools, else made of the tokens'."""
    import numpy as np

    chosen = outputs.get("sentence_embedding", outputs.get("last_hidden_state"))
    found = chosen if chosen is not None else next(iter(outputs.values()))
    if found.ndim == 2:
        return found.astype(np.float32)
    if pooling == "cls":
        return found[:, 0].astype(np.float32)
    weights = mask[:, :, None].astype(np.float32)
    pooled: Floats = (found * weights).sum(axis=1) / weights.sum(axis=1)
    return pooled


def _spread(places: Sequence[Sequence[int]], tokens: Sequence[Tokens], vectors: "Floats") -> EmbeddedBatch:
    """Returns a batch in which every place of a text has its vector."""
    import numpy as np

    counts = [len(standing) for standing in places]
    return EmbeddedBatch(
        positions=np.asarray([place for standing in places for place in standing], np.int64),
        vectors=np.repeat(vectors, counts, axis=0),
        n_tokens=np.repeat(np.asarray([found.n_tokens for found in tokens], np.int64), counts),
        truncated=np.repeat(np.asarray([found.truncated for found in tokens], bool), counts),
    )
