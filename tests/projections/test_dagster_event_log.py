"""Dagster's events are stored with connections that stay open, in the very files that Dagster's own storage keeps."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.event_log import EventLogStorage, SqliteEventLogStorage

from orchestrator_platform.projections.dagster_event_log import KeptEventLogStorage

ORDERS = dg.AssetKey("orders")


@dg.asset(key=ORDERS, check_specs=[dg.AssetCheckSpec(f"check_{n}", asset=ORDERS) for n in range(3)])
def orders() -> Iterator[object]:
    yield dg.MaterializeResult(metadata={"rows": 2})
    for n in range(3):
        yield dg.AssetCheckResult(passed=n != 1, check_name=f"check_{n}")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with _instance(tmp_path) as opened:
        yield opened


def _instance(folder: Path) -> dg.DagsterInstance:
    storage = {"module": KeptEventLogStorage.__module__, "class": KeptEventLogStorage.__name__}
    overrides = {"event_log_storage": {**storage, "config": {"base_dir": str(_events(folder))}}}
    return dg.DagsterInstance.local_temp(str(folder), overrides=overrides)


def _events(folder: Path) -> Path:
    return folder / "history" / "runs"


def _run(instance: dg.DagsterInstance) -> str:
    result = dg.materialize([orders], instance=instance, raise_on_error=False)
    assert len(result.get_asset_check_evaluations()) == 3
    return result.run_id


def _told(storage: EventLogStorage[Any], run_id: str) -> list[str | None]:
    return [entry.dagster_event_type for entry in storage.get_logs_for_run(run_id)]


def test_what_is_stored_is_read_by_dagsters_own_storage(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    run_id = _run(instance)
    assert isinstance(instance.event_log_storage, KeptEventLogStorage)
    own = SqliteEventLogStorage(str(_events(tmp_path)))
    assert _told(own, run_id) == _told(instance.event_log_storage, run_id) != []
    keys = [dg.AssetCheckKey(ORDERS, f"check_{n}") for n in range(3)]
    found = own.get_latest_asset_check_execution_by_key(keys)
    assert [found[key].status.value for key in keys] == ["SUCCEEDED", "FAILED", "SUCCEEDED"]
    assert own.get_latest_materialization_events([ORDERS])[ORDERS] is not None


def test_what_is_stored_at_once_is_read_by_dagsters_own_storage(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_by_one = _run(instance)
    batches: list[int] = []
    store = KeptEventLogStorage.store_event_batch
    monkeypatch.setattr(
        KeptEventLogStorage,
        "store_event_batch",
        lambda self, events: (batches.append(len(events)), store(self, events)),
    )
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "1000")
    run_id = _run(instance)
    assert batches[0] == 4, "what the run is to make: an asset and three checks"
    own = SqliteEventLogStorage(str(_events(tmp_path)))
    assert sorted(map(str, _told(own, run_id))) == sorted(map(str, _told(own, one_by_one)))
    assert own.get_latest_asset_check_execution_by_key([dg.AssetCheckKey(ORDERS, "check_1")])


def test_a_batch_that_breaks_stores_nothing_of_it_twice(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one_by_one = _run(instance)
    stored: list[object] = []
    store = SqliteEventLogStorage.store_event

    def break_once(self: SqliteEventLogStorage, event: object) -> None:
        stored.append(event)
        if len(stored) == 3:
            raise OSError("no space left")
        store(self, event)  # type: ignore[arg-type]

    monkeypatch.setattr(SqliteEventLogStorage, "store_event", break_once)
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "1000")
    run_id = _run(instance)
    assert "no space left" in capsys.readouterr().err
    storage = instance.event_log_storage
    assert sorted(map(str, _told(storage, run_id))) == sorted(map(str, _told(storage, one_by_one)))


def test_a_run_is_watched_by_another_process_while_it_goes_on(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """A page of Dagster shows a run's events as they are stored."""
    run_id = _run(instance)
    told: Queue[str] = Queue()
    own = SqliteEventLogStorage(str(_events(tmp_path)))
    own.watch(run_id, None, lambda entry, _: told.put(entry.message))
    try:
        for said in ("first", "second"):
            # One at a time: the second is not told of by what told of the first.
            instance.report_engine_event(said, run_id=run_id, job_name="orders")
            while told.get(timeout=30) != said:
                pass
    finally:
        own.dispose()


def test_more_runs_than_connections_are_all_kept(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    runs = [_run(instance) for _ in range(18)]
    own = SqliteEventLogStorage(str(_events(tmp_path)))
    for run_id in runs:
        assert _told(instance.event_log_storage, run_id) == _told(own, run_id)


def test_several_threads_store_at_once(instance: dg.DagsterInstance) -> None:
    def report(asset: str) -> None:
        for n in range(10):
            instance.report_runless_asset_event(dg.AssetMaterialization(asset, metadata={"n": n}))

    assets = [f"asset_{n}" for n in range(6)]
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(report, assets))
    for asset in assets:
        found = instance.fetch_materializations(dg.AssetKey(asset), limit=100, ascending=True).records
        told = [record.asset_materialization for record in found]
        assert [each.metadata["n"].value for each in told if each is not None] == list(range(10))


def test_a_history_that_was_wiped_by_another_process_begins_anew(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    _run(instance)
    SqliteEventLogStorage(str(_events(tmp_path))).wipe()
    run_id = _run(instance)
    assert "PIPELINE_SUCCESS" in _told(instance.event_log_storage, run_id)
    assert _told(SqliteEventLogStorage(str(_events(tmp_path))), run_id) == _told(instance.event_log_storage, run_id)


def test_a_forked_process_opens_connections_of_its_own(instance: dg.DagsterInstance) -> None:
    before = _run(instance)
    child = os.fork()
    if child == 0:
        try:
            _run(instance)
        finally:
            os._exit(0 if "PIPELINE_SUCCESS" in _told(instance.event_log_storage, before) else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert len(instance.get_runs()) == 2
    assert all("PIPELINE_SUCCESS" in _told(instance.event_log_storage, run.run_id) for run in instance.get_runs())


def test_nothing_stays_open_when_the_instance_is_left(tmp_path: Path) -> None:
    with _instance(tmp_path) as opened:
        _run(opened)
    opened_files = [file.readlink() for file in Path("/proc/self/fd").iterdir() if file.exists()]
    assert not [file for file in opened_files if file.is_relative_to(tmp_path)]
