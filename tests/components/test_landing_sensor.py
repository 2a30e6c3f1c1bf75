"""The landing sensor asks for one run for each source with something new, as soon as it is whole, and for one beside
them that builds.
"""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from orchestrator_platform.components.landing_sensor import LANDING
from orchestrator_platform.components.load import load_definitions
from orchestrator_platform.components.waiting import Patience
from orchestrator_platform.operations.file_events import FileEvents

GOOD, BAD = ("1,ann,4.5", "2,bob,20"), ("1,ann,-4",)
LANDED_AND_CARRIED = [["raw.orders"], ["marts.names", "marts.totals", "marts.best"]]


class Sensor:
    """Ticks with the cursor of the tick before, as the daemon does."""

    def __init__(self, shop: Any, seconds: float = 0) -> None:
        self._shop, self._cursor = shop, None
        self._repository = load_definitions(shop.settings, Patience(seconds)).get_repository_def()

    def tick(self) -> Any:
        sensor = self._repository.get_sensor_def(LANDING)
        with dg.build_sensor_context(instance=self._shop.instance, cursor=self._cursor) as context:
            data = sensor.evaluate_tick(context)
        self._cursor = data.cursor
        return data

    def asked(self) -> list[list[str]]:
        return [[".".join(key.path) for key in request.asset_selection] for request in self.tick().run_requests]


def test_a_thousand_files_are_one_run(kept_shop: Any) -> None:
    sensor = Sensor(kept_shop)
    assert sensor.tick().skip_message == "nothing new in landing"
    for number in range(1000):
        kept_shop.drop(f"{number:04}.csv", f"{number + 1},ann,1")
    assert sensor.asked() == LANDED_AND_CARRIED
    assert sensor.asked() == []
    assert kept_shop.run("raw.orders").ok
    assert sensor.tick().skip_message == "nothing new in landing"
    assert kept_shop.gate.cut().heads["raw.orders"].n_rows == 1000


def test_files_of_a_rejected_candidate_are_not_asked_for_again(kept_shop: Any) -> None:
    sensor = Sensor(kept_shop)
    kept_shop.drop("bad.csv", *BAD)
    assert sensor.asked() == LANDED_AND_CARRIED
    assert not kept_shop.run("raw.orders").ok
    waiting = sensor.tick()
    assert (waiting.run_requests, waiting.skip_message) == ([], "orders: 1 files wait for a decision")
    kept_shop.drop("good.csv", *GOOD)
    assert sensor.asked() == LANDED_AND_CARRIED


def test_a_run_that_lost_its_files_is_asked_for_again_later_and_the_tick_says_so(kept_shop: Any) -> None:
    sensor = Sensor(kept_shop)
    kept_shop.drop("monday.csv", *GOOD)
    assert sensor.asked() == LANDED_AND_CARRIED
    # No run was made of the request.
    assert "orders: 1 file, tried once with the same inputs; tried again in" in sensor.tick().skip_message


def test_a_source_that_is_being_landed_is_not_asked_for(kept_shop: Any) -> None:
    sensor = Sensor(kept_shop)
    kept_shop.drop("monday.csv", *GOOD)
    run = dg.DagsterRun(
        job_name="__ASSET_JOB",
        status=dg.DagsterRunStatus.STARTED,
        asset_selection=frozenset({dg.AssetKey(["raw", "orders"])}),
    )
    kept_shop.instance.add_run(run)
    assert sensor.tick().skip_message == f"orders: 1 file, while run {run.run_id[:8]} lands it"
    kept_shop.instance.report_run_failed(run)
    assert sensor.asked() == LANDED_AND_CARRIED


def test_a_tick_that_waits_answers_when_a_file_arrives(kept_shop: Any) -> None:
    folder = kept_shop.settings.home.landing / "orders"
    folder.mkdir(parents=True)
    sensor, answers = Sensor(kept_shop, seconds=60), list[Any]()
    tick = threading.Thread(target=lambda: answers.extend(sensor.asked()))
    tick.start()
    partial = folder / ".monday.csv.partial"
    partial.write_text("order_id,customer,amount\n1,ann,4.5\n", encoding="utf-8")
    partial.rename(folder / "monday.csv")
    tick.join(30)
    assert answers == LANDED_AND_CARRIED


@pytest.fixture(params=["events", "polling"])
def events(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, FileEvents]]:
    if request.param == "polling":
        monkeypatch.setattr("watchdog.observers.Observer.start", _too_many)
    folder = tmp_path / "landing"
    with FileEvents(folder) as watching:
        yield folder, watching


def _too_many(*_: Any) -> None:
    raise OSError(28, "inotify watch limit reached")


def test_files_are_told_of_by_events_and_where_there_are_none_by_looking(events: tuple[Path, FileEvents]) -> None:
    folder, watching = events
    (folder / "orders").mkdir()
    (folder / "orders" / "monday.csv").write_text("x", encoding="utf-8")
    assert watching.wait(20)


def test_whoever_reads_a_file_wakes_nobody(tmp_path: Path) -> None:
    file = tmp_path / "monday.csv"
    file.write_text("x", encoding="utf-8")
    with FileEvents(tmp_path) as watching:
        assert file.read_text(encoding="utf-8") == "x"
        assert not watching.wait(0.3)
        file.write_text("y", encoding="utf-8")
        assert watching.wait(20)
