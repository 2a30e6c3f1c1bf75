"""In Dagster a source that pulls has a job, and a sensor that says why it waits; both go by the state in the home."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from file_server import Answer, FileServer, serve_file
from pulling_project import landing, make_pulling, pull_now, state_of
from small_project import orders_csv

from orchestrator_platform.components.load import load_definitions
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.operations.project_assets import load_gate

FEW = orders_csv((1, "ann", 10, "open")).encode()


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serve_file(FEW) as serving:
        yield serving


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def gate(server: FileServer, tmp_path: Path) -> Gate:
    return make_pulling(tmp_path, {"kind": "http", "url": server.url, "retries": 0})


def tick(gate: Gate, instance: dg.DagsterInstance) -> dg.RunRequest | str:
    sensor = load_definitions(gate.settings).resolve_sensor_def("pull_orders")
    answer = sensor(dg.build_sensor_context(instance=instance))
    assert isinstance(answer, dg.RunRequest | dg.SkipReason)
    return answer if isinstance(answer, dg.RunRequest) else str(answer.skip_message)


def run(gate: Gate, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    job = load_definitions(gate.settings).resolve_job_def("pull_orders")
    return job.execute_in_process(instance=instance, raise_on_error=False, tags={"dagster/sensor_name": "pull_orders"})


def test_a_sensor_asks_once_and_its_run_brings_the_file(gate: Gate, instance: dg.DagsterInstance) -> None:
    assert isinstance(tick(gate, instance), dg.RunRequest)
    assert "orders: the next look is at" in str(tick(gate, instance))
    assert run(gate, instance).success
    assert list(landing(gate).values()) == [FEW]
    assert "files came last at" in str(tick(gate, instance))


def test_what_the_command_line_pulled_the_sensor_does_not_ask_for(gate: Gate, instance: dg.DagsterInstance) -> None:
    pull_now(load_gate(gate.settings))
    assert "the next look is at" in str(tick(gate, instance))


def test_a_run_that_never_ended_is_waited_for(gate: Gate, instance: dg.DagsterInstance) -> None:
    job = load_definitions(gate.settings).resolve_job_def("pull_orders")
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert tick(gate, instance) == "orders: a run pulls it already"


def test_a_failed_run_says_why_first_and_the_sensor_leaves_the_address_alone(
    gate: Gate, instance: dg.DagsterInstance, server: FileServer
) -> None:
    server.script = lambda server, asked: Answer(status=503)
    failed = run(gate, instance)
    assert not failed.success
    (event,) = [event for event in failed.all_events if event.is_step_failure]
    assert "could not be pulled: status 503" in event.event_specific_data.user_failure_data.description
    assert "after 1 try that failed: status 503" in str(tick(gate, instance))
    assert state_of(gate).n_failures == 1


def test_a_source_that_is_switched_off_has_a_job_and_no_sensor(server: FileServer, tmp_path: Path) -> None:
    gate = make_pulling(tmp_path, {"kind": "http", "url": server.url, "enabled": False})
    definitions = load_definitions(replace(gate.settings))
    assert "pull_orders" not in {sensor.name for sensor in definitions.sensors or ()}
    with dg.DagsterInstance.ephemeral() as instance:
        assert not run(gate, instance).success
    assert server.n_sent == 0
