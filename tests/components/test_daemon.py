"""A real daemon on a real home: what arrives is carried through with nobody clicking, whatever is killed meanwhile."""

import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from served_home import ServedHome, serve, wait_until

from orchestrator_platform.components.carrying import CARRIES_TAG
from orchestrator_platform.components.conditions import BUILD
from orchestrator_platform.components.landing_sensor import LANDING
from orchestrator_platform.operations.dev import write_dagster_home
from orchestrator_platform.operations.land import land
from orchestrator_platform.settings import load_settings

HEADER = "order_id,customer,amount\n"
# Waits as long as the file is there, so that a test can kill what waits.
SLOW = '''
"""The best customers."""

import time
from pathlib import Path

from orchestrator_platform import python_table

SLOW = Path(__file__).with_name("slow")


@python_table(key="marts.best", parents={"totals": "marts.totals"}, contract="contract.py:Best")
def best(totals):
    """Customers of more than ten."""
    while SLOW.exists():
        time.sleep(0.05)
    return totals.filter("total > 10").project("customer, total")
'''


ALERTS = """
type: orchestrator_platform.components.AlertsComponent
attributes:
  project: shop
  channels: [{kind: log}]
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, shop_files: Any) -> Iterator[ServedHome]:
    folder = tmp_path_factory.mktemp("served")
    shop_files(folder / "project", {"shop/defs/best/best.py": SLOW, "shop/defs/alerts/defs.yaml": ALERTS})
    settings = load_settings(home=folder / "home", project=folder / "project", environment={})
    with (
        dg.DagsterInstance.from_config(str(write_dagster_home(settings))) as instance,
        serve(settings, instance) as home,
    ):
        wait_until(lambda: home.ticks(LANDING) and home.ticks(BUILD))
        yield home


@pytest.fixture(autouse=True)
def _quick_again(served: ServedHome) -> Iterator[None]:
    """What a test that failed left behind makes no other one fail."""
    yield
    slow(served).unlink(missing_ok=True)


def orders(*numbers: int, customer: str = "ann") -> str:
    return HEADER + "".join(f"{number},{customer},20\n" for number in numbers)


def slow(home: ServedHome) -> Path:
    return home.settings.project.root / "shop/defs/best/slow"


def total(home: ServedHome) -> float:
    """Returns what every customer spent, as the last table of the line says."""
    if "marts.best" not in home.rows():
        return 0.0
    with home.gate.cut().connect() as connection:
        (found,) = connection.execute("SELECT sum(total) FROM lake.marts.best").fetchone() or (0,)
    return float(found or 0)


def process_of(home: ServedHome, run: dg.DagsterRun) -> int:
    texts = (entry.message for entry in home.instance.all_logs(run.run_id))
    return next(int(match.group(1)) for text in texts if (match := re.search(r"Started process .*pid: (\d+)", text)))


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])


def test_files_however_they_arrive_are_carried_through_and_a_thousand_are_a_few_runs(served: ServedHome) -> None:
    landing, outside = served.landing("orders"), served.settings.home.root / "outside"
    outside.mkdir()
    for name in ("moved.csv", "copied.csv"):
        (outside / name).write_text(orders(len(name)), encoding="utf-8")
    with (landing / "half.csv").open("w", encoding="utf-8") as half:
        half.write(HEADER + "1,ann,")
        half.flush()
        (outside / "moved.csv").rename(landing / "moved.csv")
        shutil.copy(outside / "copied.csv", landing / "copied.csv")
        (landing / ".synced.csv.Xa81bc").write_text(orders(3), encoding="utf-8")
        (landing / ".synced.csv.Xa81bc").rename(landing / "synced.csv")
        wait_until(lambda: total(served) == 60)
        assert served.rows()["raw.orders"] == 3, "what is still written to waits"
        half.write("20\n")
    for number in range(1000):
        (landing / f"{number:04}.csv").write_text(orders(number + 100), encoding="utf-8")
    wait_until(lambda: served.rows()["raw.orders"] == 1004)
    wait_until(lambda: total(served) == 20 * 1004)
    runs = served.runs()
    assert len(runs) <= 12, [run.tags for run in runs]
    assert {run.status for run in runs} <= {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.STARTED}


def test_a_run_that_is_killed_is_ended_and_its_work_is_done_by_another(served: ServedHome) -> None:
    # The run of what came before may still be telling Dagster of it.
    wait_until(lambda: all(run.is_finished for run in served.runs()))
    before = total(served)
    slow(served).touch()
    (served.landing("orders") / "killed.csv").write_text(orders(6), encoding="utf-8")
    run = wait_until(lambda: next((r for r in served.runs() if _builds(r) and not r.is_finished), None))
    wait_until(lambda: any("marts.best" in file.read_text() for file in served.settings.home.queue.glob("*.ticket")))
    process = process_of(served, run)
    assert parent_of(process) in served.processes("multiprocessing.forkserver"), "it started warm"
    os.kill(process, signal.SIGKILL)
    slow(served).unlink()
    wait_until(lambda: served.instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.FAILURE)
    wait_until(lambda: total(served) == before + 20)


def test_a_version_of_the_command_line_is_told_to_dagster_and_followed(served: ServedHome) -> None:
    file = served.settings.home.root / "outside" / "typed.csv"
    file.write_text(orders(7), encoding="utf-8")
    before = total(served)
    landed = land(served.gate, "orders", [file])
    wait_until(lambda: total(served) == before + 20)
    key = dg.AssetKey(["raw", "orders"])
    wait_until(lambda: _version(served, key) == landed.landed.outcome.receipt.version)


def test_after_the_daemon_is_killed_everything_goes_on_with_nothing_lost_or_doubled(served: ServedHome) -> None:
    before = total(served)
    (daemon,) = served.processes("dagster._daemon", "run")
    os.kill(daemon, signal.SIGKILL)
    (served.landing("orders") / "after.csv").write_text(orders(8), encoding="utf-8")
    wait_until(lambda: total(served) == before + 20, 90)
    wait_until(lambda: all(run.is_finished for run in served.runs()))
    assert total(served) == before + 20
    assert list(served.settings.home.queue.glob("*.ticket")) == []


def test_a_rejection_is_not_tried_again_and_what_can_be_built_without_it_is(served: ServedHome) -> None:
    before, n_failed = total(served), _n_failed(served)
    (served.landing("orders") / "eve.csv").write_text(orders(5, customer="eve"), encoding="utf-8")
    wait_until(lambda: total(served) == before + 20)
    wait_until(lambda: all(run.is_finished for run in served.runs()))
    n_runs, n_ticks = len(served.runs()), served.ticks(BUILD)
    wait_until(lambda: served.ticks(BUILD) >= n_ticks + 2)
    assert len(served.runs()) == n_runs
    assert served.gate.cut().heads["marts.names"].n_rows == 1
    assert _n_failed(served) == n_failed + 1
    told = (served.settings.home.journal / "alerts.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["id"] for line in told] == ["rejected:1"]


def test_a_landing_that_is_rejected_leaves_what_is_made_of_its_table_as_it_is(served: ServedHome) -> None:
    wait_until(lambda: all(run.is_finished for run in served.runs()))
    before, known = total(served), {run.run_id for run in served.runs()}
    (served.landing("orders") / "refund.csv").write_text(HEADER + "9,ann,-4\n", encoding="utf-8")
    wait_until(lambda: all(run.is_finished for run in served.runs()) and len(served.runs()) >= len(known) + 2)
    runs = [run for run in served.runs() if run.run_id not in known]
    assert {CARRIES_TAG in run.tags: run.status for run in runs} == {
        False: dg.DagsterRunStatus.FAILURE,
        True: dg.DagsterRunStatus.SUCCESS,
    }
    assert total(served) == before


def _n_failed(home: ServedHome) -> int:
    return sum(1 for run in home.runs() if run.status is dg.DagsterRunStatus.FAILURE)


def _builds(run: dg.DagsterRun) -> bool:
    return dg.AssetKey(["marts", "best"]) in (run.asset_selection or ())


def _version(home: ServedHome, key: dg.AssetKey) -> int:
    (record,) = home.instance.fetch_materializations(key, limit=1).records
    return int(str(record.asset_materialization.metadata["version"].value))
