"""What an embedder makes of texts, put in the order of the texts."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from orchestrator_platform.learning.embedder import Embedder

TEXTS = (
    "A buffer overflow in the login page lets remote attackers run code.",
    "Remote code execution through an overflow at login.",
    "The gateway forgets to check who asks before it answers.",
    "Invoices of the second quarter were paid in time.",
    "Überlauf im Anmeldeformular erlaubt das Ausführen von Code.",
    "任意のコードが実行される脆弱性",
    "overflow " * 400,
    "short",
)


def embed_all(embedder: Embedder, texts: Sequence[str]) -> "np.ndarray[Any, Any]":
    """Returns the vectors, float32, shape (n, dim); every text was given exactly once."""
    found = np.full((len(texts), embedder.identity.dim), np.nan, np.float32)
    given = list[int]()
    for batch in embedder.embed(texts):
        found[batch.positions] = batch.vectors
        given += batch.positions.tolist()
    assert sorted(given) == list(range(len(texts)))
    return found
