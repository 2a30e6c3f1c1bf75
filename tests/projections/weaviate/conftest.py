from collections.abc import Iterator
from pathlib import Path

import pytest
from embedded_lake import EmbeddedLake
from weaviate_server import RunningServer, weaviate_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One real server for all tests of a process."""
    with weaviate_server(tmp_path_factory.mktemp("weaviate")) as running:
        yield running


@pytest.fixture
def lake(tmp_path: Path) -> EmbeddedLake:
    return EmbeddedLake(tmp_path)
