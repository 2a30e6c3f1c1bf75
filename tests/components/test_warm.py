"""Runs start warm where Dagster's code server can be told to; anywhere else nothing happens, or a message says so."""

import logging
import multiprocessing
import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from dagster._grpc.server import DagsterApiServer

from orchestrator_platform.components import warm
from orchestrator_platform.components.load import load_definitions
from orchestrator_platform.components.warm import Loaded, warm_code_server, warm_definitions
from orchestrator_platform.operations.definition_state import definition_state


class ApiServer:
    """Stands in for Dagster's, which would open a port and load definitions."""

    def __init__(self, context: Any = None) -> None:
        if context is not None:
            self._mp_ctx = context


@pytest.fixture
def grpc(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("dagster._grpc.server")
    module.DagsterApiServer = ApiServer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "dagster._grpc.server", module)
    # The forkserver of this process belongs to other tests.
    monkeypatch.setattr("multiprocessing.forkserver.ensure_running", lambda: None)
    monkeypatch.setattr("multiprocessing.forkserver.set_forkserver_preload", lambda _: None)


def test_dagsters_server_still_has_the_attribute_that_says_how_runs_start() -> None:
    assert "_mp_ctx" in DagsterApiServer.__init__.__code__.co_names


def test_outside_of_a_code_server_nothing_is_done(grpc: None) -> None:
    assert not warm_code_server()


def test_a_code_servers_runs_start_from_a_process_that_has_everything_imported(grpc: None) -> None:
    server = ApiServer(multiprocessing.get_context("spawn"))
    assert warm_code_server()
    assert server._mp_ctx.get_start_method() == "forkserver"


def test_a_server_without_that_attribute_is_left_as_it_is_and_a_message_says_so(
    grpc: None, caplog: pytest.LogCaptureFixture
) -> None:
    server = ApiServer()
    with caplog.at_level(logging.WARNING, "orchestrator"):
        assert not warm_code_server()
    assert (
        "Runs start from a new interpreter, which takes seconds: this version of Dagster has no _mp_ctx." in caplog.text
    )
    assert not vars(server)


def test_a_system_that_cannot_fork_says_so(
    grpc: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ApiServer(multiprocessing.get_context("spawn"))
    monkeypatch.setattr(warm.multiprocessing, "get_all_start_methods", lambda: ["spawn"])
    with caplog.at_level(logging.WARNING, "orchestrator"):
        assert not warm_code_server()
    assert "this system cannot fork" in caplog.text
    assert server._mp_ctx.get_start_method() == "spawn"


def test_a_run_takes_what_was_loaded_before_it_until_a_file_that_declares_something_is_written(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = shop.settings
    module = ModuleType("orchestrator_platform.components.warmed")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert warm_definitions(settings) is None
    loaded = Loaded(settings, definition_state(settings), load_definitions(settings))
    module.loaded = loaded  # type: ignore[attr-defined]
    assert warm_definitions(settings) is loaded.definitions
    assert warm_definitions(replace(settings, docs_address="elsewhere")) is None
    shop.write({"shop/defs/orders/no_refunds.sql": "SELECT * FROM raw.orders WHERE amount < -1"})
    assert warm_definitions(settings) is None
