"""Embedding by an endpoint: different texts once, in batches, what it cost counted."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..errors import EmbedderUnusable
from ..records.base import sha256_of
from ..records.embedders import EmbedderIdentity, EmbedderOptions, EmbeddingCost
from .batching import batches_by_length, windows
from .embedder import EmbeddedBatch
from .endpoint import Clock, Endpoint, ask
from .splitting import Span, split_text
from .tokens import CHARACTERS_PER_TOKEN, readable

if TYPE_CHECKING:
    import httpx

_DEFAULT_MAX_TOKENS = 8_191
# An endpoint's tokens are not known here. Four letters or digits count as one, everything else by itself: more than any
# common tokenizer counts.
_PIECE = re.compile(r"[A-Za-z0-9]{1,4}|[^\sA-Za-z0-9]")


def identify_endpoint(options: EmbedderOptions) -> EmbedderIdentity:
    """Returns what the vectors of an endpoint will be, as far as its address and model can tell."""
    address = _address(options)
    return EmbedderIdentity(
        name=str(options.model),
        weights=sha256_of([address, options.model]),
        tokenizer="",
        pooling="endpoint",
        normalised=True,
        max_tokens=options.max_tokens or _DEFAULT_MAX_TOKENS,
        precision="endpoint",
        dim=int(options.dim or 0),
    )


def open_endpoint(options: EmbedderOptions, key: str | None, clock: Clock | None = None) -> "HttpEmbedder":
    """Returns the embedder of an endpoint; nothing is asked yet.

    Raises:
        EmbedderUnusable: The variable that is named for the key is not set.
    """
    if options.key_variable and key is None:
        raise EmbedderUnusable(
            embedder=str(options.url),
            problem=f"the environment variable {options.key_variable} is not set",
            fix=f"Set {options.key_variable} to the endpoint's key; it is never stored.",
        )
    identity = identify_endpoint(options)
    endpoint = Endpoint(_address(options), identity.name, identity.dim, key, options.timeout_seconds, options.retries)
    return HttpEmbedder(identity, endpoint, options.texts_at_once, clock or Clock())


class HttpEmbedder:
    """An embedder behind an address."""

    def __init__(self, identity: EmbedderIdentity, endpoint: Endpoint, batch_size: int, clock: Clock) -> None:
        self._identity, self._endpoint, self._batch_size, self._clock = identity, endpoint, batch_size, clock
        self._cost = EmbeddingCost()

    @property
    def identity(self) -> EmbedderIdentity:
        return self._identity

    @property
    def cost(self) -> EmbeddingCost:
        return self._cost

    def split(self, text: str, max_tokens: int, overlap: int) -> list[str]:
        """Returns the text's pieces, by tokens that are counted too high rather than too low."""
        return split_text(text, max_tokens, overlap, count_pieces)

    def embed(self, texts: Sequence[str]) -> Iterator[EmbeddedBatch]:
        """Yields batches; see `Embedder.embed`. A text without words is sent as one space, as many endpoints refuse
        empty ones.

        Raises:
            EndpointFailed, EndpointRefused, EndpointAnswerWrong: See `endpoint.ask`.
        """
        import httpx

        with httpx.Client(timeout=self._endpoint.timeout_seconds, follow_redirects=False) as client:
            for places in windows(texts):
                different = list(places)
                for batch in batches_by_length([len(text) for text in different], self._batch_size):
                    chosen = [different[one] for one in batch]
                    yield self._embed_batch(client, chosen, [places[text] for text in chosen])

    def _embed_batch(
        self, client: "httpx.Client", texts: Sequence[str], places: Sequence[Sequence[int]]
    ) -> EmbeddedBatch:
        import numpy as np

        cut = [_cut(text, self._identity.max_tokens) for text in texts]
        answer = ask(client, self._endpoint, [sent for sent, _, _ in cut], self._clock)
        self._cost = EmbeddingCost(
            n_requests=self._cost.n_requests + answer.n_tries,
            n_retries=self._cost.n_retries + answer.n_tries - 1,
            n_tokens=self._cost.n_tokens + answer.n_tokens,
        )
        counts = [len(standing) for standing in places]
        return EmbeddedBatch(
            positions=np.asarray([place for standing in places for place in standing], np.int64),
            vectors=np.repeat(answer.vectors, counts, axis=0),
            n_tokens=np.repeat(np.asarray([n_tokens for _, n_tokens, _ in cut], np.int64), counts),
            truncated=np.repeat(np.asarray([truncated for _, _, truncated in cut], bool), counts),
        )


def count_pieces(text: str) -> list[Span]:
    """Returns where the pieces lie that stand for an endpoint's tokens."""
    return [
        Span(found.start(), found.end(), begins_word=not text[max(found.start() - 1, 0) : found.start()].isalnum())
        for found in _PIECE.finditer(text)
    ]


def _cut(text: str, max_tokens: int) -> tuple[str, int, bool]:
    """Returns what is sent, how many pieces the text has, and whether some are left out."""
    most = max_tokens * CHARACTERS_PER_TOKEN
    head = readable(text[:most]).replace("\x00", "\ufffd")
    pieces = count_pieces(head)
    kept = head[: pieces[max_tokens - 1].end] if len(pieces) > max_tokens else head
    return kept if pieces else " ", len(pieces), len(pieces) > max_tokens or len(text) > most


def _address(options: EmbedderOptions) -> str:
    return str(options.url).rstrip("/").removesuffix("/embeddings")
