from collections.abc import Iterator
from pathlib import Path

import pytest
from embedded import OPTIONS, declare_embedding, publish_advisories, publish_embedding
from embedded_lake import EmbeddedLake
from projections.weaviate.serving_things import new_alias, written
from small_project import gate_of, make_project
from weaviate_server import RunningServer, weaviate_server

from orchestrator_platform.gate.context import Gate
from orchestrator_platform.operations.projections import project, read_projections
from orchestrator_platform.records.embeddings import LocalVectors


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One real server for all tests of a process."""
    with weaviate_server(tmp_path_factory.mktemp("weaviate")) as running:
        yield running


@pytest.fixture
def lake(tmp_path: Path) -> EmbeddedLake:
    return EmbeddedLake(tmp_path)


@pytest.fixture(scope="session")
def advisories(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Gate:
    """A project whose embedding is served by files and by the server."""
    folder = make_project(tmp_path_factory.mktemp("asked"))
    projections = (LocalVectors(), server.options(alias=new_alias()))
    gate = declare_embedding(gate_of(folder), OPTIONS.model_copy(update={"projections": projections}))
    root = gate.settings.home.root
    publish_advisories(root, written(150))
    publish_embedding(root)
    project(gate)
    assert [(state.serving, state.error) for state in read_projections(gate)] == [(1, ""), (1, "")]
    return gate
