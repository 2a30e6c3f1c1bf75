"""A run whose process is gone is ended; one that is at work, or has just been launched, is left alone."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import dagster as dg
import pytest

from orchestrator_platform.operations.lost_runs import STARTING_SECONDS, end_lost_runs

STARTED, STARTING = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def run_of(instance: dg.DagsterInstance, pid: int | None, status: dg.DagsterRunStatus = STARTED) -> dg.DagsterRun:
    run = dg.DagsterRun(job_name="job", status=status)
    instance.add_run(run)
    if pid is not None:
        instance.report_engine_event(f"Started process for run (pid: {pid}).", run)
    return run


def status_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status


def test_a_run_whose_process_was_killed_is_ended_and_says_what_became_of_its_work(instance: dg.DagsterInstance) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    run = run_of(instance, child.pid)
    assert end_lost_runs(instance, {}, time.time()) == {}
    assert status_of(instance, run) is STARTED
    os.kill(child.pid, signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    # Dead, and nobody has taken note of it yet.
    end_lost_runs(instance, {}, time.time())
    assert status_of(instance, run) is dg.DagsterRunStatus.FAILURE
    child.communicate()
    said = [entry.message for entry in instance.all_logs(run.run_id)]
    assert any(f"its process {child.pid} is gone" in text and "published is published" in text for text in said)


def test_a_process_that_was_given_the_same_number_later_is_another(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(instance, os.getpid())
    end_lost_runs(instance, {}, time.time())
    assert status_of(instance, run) is STARTED
    monkeypatch.setattr("orchestrator_platform.operations.lost_runs._booted", lambda: time.time() + 1000)
    end_lost_runs(instance, {}, time.time())
    assert status_of(instance, run) is dg.DagsterRunStatus.FAILURE


def test_a_run_that_never_got_a_process_is_given_time(instance: dg.DagsterInstance) -> None:
    run, now = run_of(instance, None, STARTING), time.time()
    first = end_lost_runs(instance, {}, now)
    assert first == {run.run_id: now}
    assert end_lost_runs(instance, first, now + STARTING_SECONDS - 1) == first
    assert status_of(instance, run) is STARTING
    assert end_lost_runs(instance, first, now + STARTING_SECONDS) == {}
    assert status_of(instance, run) is dg.DagsterRunStatus.FAILURE


def test_a_run_that_does_not_say_where_it_works_is_left_alone(instance: dg.DagsterInstance) -> None:
    run = run_of(instance, None)
    assert end_lost_runs(instance, {run.run_id: 0.0}, time.time()) == {}
    assert status_of(instance, run) is STARTED
