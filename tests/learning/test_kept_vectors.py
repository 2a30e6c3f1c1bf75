"""What is kept of vectors is not embedded again, and an embedder that gives none is named."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hashed_embedder import HashedEmbedder, hashed_embedders, identity_of

from orchestrator_platform.errors import EmbedderUnusable, EmbeddingFailed
from orchestrator_platform.learning.embedder import EmbeddedBatch
from orchestrator_platform.learning.kept_vectors import KeptVectors, vectors_of_texts
from orchestrator_platform.records.declarations import EmbeddingBuild
from orchestrator_platform.records.embeddings import EmbeddingOptions
from orchestrator_platform.records.keys import AssetKey


def test_texts_get_their_vectors_in_their_order_and_are_embedded_once(tmp_path: Path) -> None:
    kept, embedder = KeptVectors(tmp_path / "kept"), HashedEmbedder()
    with duckdb.connect() as connection:
        vectors_of_texts(kept, connection, ["a router", "\ud800"], lambda: embedder)
        found = vectors_of_texts(kept, connection, ["a printer", "a router", "a printer"], lambda: embedder)
    assert embedder.asked == ["\ud800", "a router", "a printer"]
    expected = np.stack([embedder.vector(text) for text in ("a printer", "a router", "a printer")])
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_text_without_a_vector_is_a_failure_of_the_embedder(tmp_path: Path) -> None:
    class Silent(HashedEmbedder):
        def embed(self, texts: Sequence[str]) -> Iterator[EmbeddedBatch]:
            yield from super().embed(texts[:1])

    with duckdb.connect() as connection, pytest.raises(EmbeddingFailed, match="no vector for 2 of 3 texts"):
        vectors_of_texts(KeptVectors(tmp_path / "kept"), connection, ["a", "b", "c"], Silent)


def test_an_embedder_that_is_not_the_declared_one_is_not_used(tmp_path: Path) -> None:
    options = EmbeddingOptions(source=AssetKey("marts.notes"), key=("id",), text=("body",))
    embedders = hashed_embedders(lambda: HashedEmbedder("other"))
    assert embedders.open_declared(EmbeddingBuild(options, identity_of("other"), tmp_path)).identity.dim == 32
    with pytest.raises(EmbedderUnusable, match="is declared"):
        embedders.open_declared(EmbeddingBuild(options, identity_of(), tmp_path))
