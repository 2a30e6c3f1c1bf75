"""An embedder for tests: words hashed into a bag, of unit length. Quick, deterministic, and texts that share words are
near. It obeys the interface of every embedder; `salt` makes another model of the same dimension out of it.
"""

import hashlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from orchestrator_platform.learning.embedder import EmbeddedBatch, Embedder
from orchestrator_platform.learning.embedders import Embedders
from orchestrator_platform.records.embedders import EmbedderIdentity, EmbedderOptions, EmbeddingCost

DIM = 32
BATCH = 64


def identity_of(salt: str = "", max_tokens: int = 40) -> EmbedderIdentity:
    weights = hashlib.sha256(f"words{salt}".encode()).hexdigest()
    return EmbedderIdentity(
        name=f"hashed-words{salt}",
        weights=weights,
        tokenizer=weights,
        pooling="mean",
        normalised=True,
        max_tokens=max_tokens,
        precision="fp32",
        dim=DIM,
    )


@dataclass
class HashedEmbedder:
    """`asked` holds every text that was embedded; after `dies_after` batches the process is killed."""

    salt: str = ""
    asked: list[str] = field(default_factory=list)
    dies_after: int | None = None

    @property
    def identity(self) -> EmbedderIdentity:
        return identity_of(self.salt)

    @property
    def cost(self) -> EmbeddingCost:
        return EmbeddingCost()

    def embed(self, texts: Sequence[str]) -> Iterator[EmbeddedBatch]:
        order = sorted(range(len(texts)), key=lambda place: (len(texts[place]), place))
        for number, start in enumerate(range(0, len(order), BATCH)):
            if number == self.dies_after:
                os.kill(os.getpid(), signal.SIGKILL)
            places = order[start : start + BATCH]
            self.asked += [texts[place] for place in places]
            sizes = np.array([len(texts[place].split()) for place in places], dtype=np.int64)
            yield EmbeddedBatch(
                positions=np.array(places, dtype=np.int64),
                vectors=np.stack([self.vector(texts[place]) for place in places]),
                n_tokens=sizes,
                truncated=sizes > self.identity.max_tokens,
            )

    def split(self, text: str, max_tokens: int, overlap: int) -> list[str]:
        words = text.split(" ")
        if len(words) <= max_tokens:
            return [text]
        starts = range(0, max(len(words) - overlap, 1), max_tokens - overlap)
        return [" ".join(words[start : start + max_tokens]) for start in starts]

    def vector(self, text: str) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
        words = text.lower().split()[: self.identity.max_tokens]
        total = np.zeros(DIM)
        for word in words or [""]:
            total += _direction(f"{self.salt}{word}")
        return (total / np.linalg.norm(total)).astype(np.float32)


def _direction(word: str) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    seed = int.from_bytes(hashlib.sha256(word.encode("utf-8", "replace")).digest()[:8], "big")
    return np.random.default_rng(seed).standard_normal(DIM)


def hashed_embedders(made: Callable[[], Embedder] | None = None, salt: str = "") -> Embedders:
    """Returns embedders that open what `made` gives, whatever a component says."""

    def open_(options: EmbedderOptions, folder: Path) -> Embedder:
        return made() if made else HashedEmbedder(salt)

    return Embedders(lambda options, folder: identity_of(salt), open_)
