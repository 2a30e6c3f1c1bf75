"""Published models in the registry: a version each, aliases that follow what serves, whatever happened in between."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_models import MODEL, gate_of_models
from small_scores import copied, make_scores, publish_model

from orchestrator_platform.errors import DefinitionError
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.gate.outcomes import Published
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.projections import read_projections, sync
from orchestrator_platform.operations.rollback import Goal, rollback
from orchestrator_platform.operations.targets import registry_place
from orchestrator_platform.projections.mlflow_registry import target as registry_target
from orchestrator_platform.projections.mlflow_registry.connection import open_client
from orchestrator_platform.settings import load_settings

NAME = "late"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions are published, and the registry knows of neither."""
    folder = make_scores(tmp_path_factory.mktemp("made") / "project")
    build(gate_of_models(folder), ["features.items"])
    for c in (1.0, 0.01):
        assert isinstance(publish_model(folder, c), Published)
    pyproject = folder / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('registry = "off"', 'registry = "home"'))
    return folder


@pytest.fixture(scope="module")
def synced(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copied(made, tmp_path_factory.mktemp("synced") / "project")
    (state,) = sync(gate_of_models(folder))
    assert (state.serving, state.is_behind, state.error) == (2, False, "")
    return folder


@pytest.fixture
def folder(synced: Path) -> Iterator[Path]:
    """The project with both versions registered; what a test changes there, the next sync puts right."""
    yield synced
    sync(gate_of_models(synced), anew=True)


def client_of(folder: Path) -> Any:
    return open_client(registry_place(gate_of_models(folder).settings))


def aliases(folder: Path) -> dict[str, str]:
    """Which version of the asset each alias stands for."""
    client = client_of(folder)
    named = client.get_registered_model(NAME).aliases
    return {alias: client.get_model_version(NAME, n).tags["orchestrator.version"] for alias, n in named.items()}


def test_each_published_version_is_there_with_its_receipt_and_its_artefact(synced: Path) -> None:
    client = client_of(synced)
    versions = sorted(client.search_model_versions(f"name = '{NAME}'"), key=lambda version: int(version.version))
    assert [version.tags["orchestrator.version"] for version in versions] == ["1", "2"]
    assert {(v.tags["orchestrator.producer"], v.tags["orchestrator.auditor"]) for v in versions} == {("maker", "judge")}
    assert aliases(synced) == {"champion": "2", "previous": "1"}
    folder = Path(client.get_model_version_download_uri(NAME, versions[1].version).removeprefix("file://"))
    (row,) = gate_rows(synced)
    assert (folder / "model.skops").read_bytes() == row[0]


def gate_rows(folder: Path) -> Any:
    from small_scores import query

    return query(folder, f"SELECT artefact FROM {MODEL}")


def test_bringing_up_twice_changes_nothing(synced: Path) -> None:
    client = client_of(synced)
    before = [(v.version, v.last_updated_timestamp, v.tags) for v in client.search_model_versions(f"name = '{NAME}'")]
    time.sleep(0.002)  # a change would have a later time
    sync(gate_of_models(synced))
    after = [(v.version, v.last_updated_timestamp, v.tags) for v in client.search_model_versions(f"name = '{NAME}'")]
    assert before == after


def test_an_alias_that_was_moved_by_hand_is_noticed_and_put_back(folder: Path) -> None:
    client = client_of(folder)
    numbers = client.get_registered_model(NAME).aliases
    client.set_registered_model_alias(NAME, "champion", numbers["previous"])
    (state,) = read_projections(gate_of_models(folder))
    assert state.is_behind
    sync(gate_of_models(folder))
    client.set_registered_model_alias(NAME, "previous", numbers["champion"])
    (state,) = read_projections(gate_of_models(folder))
    assert "does not name the version that served before" in state.error
    sync(gate_of_models(folder))
    client.delete_registered_model_alias(NAME, "champion")
    (state,) = read_projections(gate_of_models(folder))
    assert (state.is_behind, state.serving) == (True, None)
    (state,) = sync(gate_of_models(folder))
    assert not state.is_behind
    assert aliases(folder) == {"champion": "2", "previous": "1"}


def test_a_rollback_moves_the_alias_and_a_withdrawal_removes_it(made: Path, tmp_path: Path) -> None:
    folder = copied(made, tmp_path / "project")
    sync(gate_of_models(folder))
    rollback(gate_of_models(folder), Goal(asset=MODEL, version=1), why="the first was better", by="ada")
    assert aliases(folder) == {"champion": "1", "previous": "2"}
    (retracted,) = (
        v for v in client_of(folder).search_model_versions(f"name = '{NAME}'") if v.tags["orchestrator.version"] == "2"
    )
    assert retracted.tags["orchestrator.state"] == "retracted"
    rollback(gate_of_models(folder), Goal(asset=MODEL), why="neither is any good", by="ada")
    assert aliases(folder) == {}
    (state,) = read_projections(gate_of_models(folder))
    assert (state.serving, state.is_behind) == (None, False)


class Stopped(BaseException):
    """Stands for a process that ends here."""


class Counted:
    """A client whose process ends before its n-th change."""

    def __init__(self, client: Any, n_changes: int) -> None:
        self.client, self.left = client, n_changes

    def __getattr__(self, name: str) -> Any:
        called = getattr(self.client, name)
        if name.startswith(("get_", "search_")):
            return called

        def change(*given: Any, **named: Any) -> Any:
            if not self.left:
                raise Stopped
            self.left -= 1
            return called(*given, **named)

        return change


def test_stopped_before_any_of_its_changes_the_next_attempt_ends_in_the_same_state(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every change is one commit of the registry: what was not done is done, and nothing twice."""
    real = registry_target.connected
    n_changes, was_stopped = 0, True
    while was_stopped:
        was_stopped = False
        registry_target._forget(client_of(folder), NAME)  # begins with nothing

        @contextmanager
        def counted(*given: Any, left: int = n_changes, **how: Any) -> Iterator[Any]:
            with real(*given, **how) as client:
                yield Counted(client, left)

        monkeypatch.setattr(registry_target, "connected", counted)
        with suppress(Stopped):
            was_stopped = True
            sync(gate_of_models(folder))
            was_stopped = False
        monkeypatch.setattr(registry_target, "connected", real)
        (state,) = sync(gate_of_models(folder))
        assert (state.serving, state.is_behind, state.error) == (2, False, "")
        assert aliases(folder) == {"champion": "2", "previous": "1"}
        assert len(client_of(folder).search_model_versions(f"name = '{NAME}'")) == 2
        n_changes += 1
    assert n_changes > 8


def test_a_model_that_somebody_else_registered_is_left_alone(made: Path, tmp_path: Path) -> None:
    folder = copied(made, tmp_path / "project")
    client_of(folder).create_registered_model(NAME)
    (state,) = sync(gate_of_models(folder))
    assert state.is_behind
    assert "a model 'late' is registered there that is not of models.late" in state.error
    assert client_of(folder).search_model_versions(f"name = '{NAME}'") == []


def test_a_server_that_does_not_answer_harms_nobody(made: Path) -> None:
    gate = gate_of_models(made)
    away = replace(gate.settings, registry="http://127.0.0.1:9")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        (state,) = sync(with_settings(gate, away))
    assert state.is_behind
    assert "the registry at http://127.0.0.1:9 says" in state.error


def test_a_database_that_is_none_any_more_is_told_of_and_made_anew(made: Path, tmp_path: Path) -> None:
    folder = copied(made, tmp_path / "project")
    database = registry_place(gate_of_models(folder).settings).database
    database.parent.mkdir(parents=True, exist_ok=True)
    database.write_bytes(b"no database" * 1_000)
    for state in (*read_projections(gate_of_models(folder)), *sync(gate_of_models(folder))):
        assert state.is_behind
        assert "file is not a database" in state.error
        assert "`orchestrator projections rebuild mlflow:models.late` sets it aside" in state.error
    (state,) = sync(gate_of_models(folder), anew=True)
    assert state.error == ""
    assert state.serving == 2
    assert aliases(folder) == {"champion": "2", "previous": "1"}
    assert database.with_name("registry.db.broken").read_bytes().startswith(b"no database")


def with_settings(gate: Gate, settings: Any) -> Gate:
    return replace(gate, settings=settings)


def test_where_models_are_registered_is_said_by_the_project_or_the_environment(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.orchestrator]\nregistry = "ftp://x"\n')
    with pytest.raises(DefinitionError, match="ftp://x"):
        load_settings(project=tmp_path, environment={})
    assert load_settings(project=tmp_path, environment={"ORCHESTRATOR_REGISTRY": "off"}).registry == "off"
