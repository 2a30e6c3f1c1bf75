"""Embedders that several tests share; a model is loaded once, as that takes seconds."""

from pathlib import Path

import pytest

from orchestrator_platform.learning.embedder import Embedder
from orchestrator_platform.learning.open_embedder import open_embedder
from orchestrator_platform.records.embedders import EmbedderOptions


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def minilm(cache: Path) -> Embedder:
    """The default embedder in the precision that is chosen here."""
    return open_embedder(EmbedderOptions(), cache=cache, base_folder=cache)
