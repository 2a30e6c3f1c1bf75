"""Tables in slices as Dagster sees them: partitions, bounded backfills that go on after a kill, one step each."""

import datetime
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from killed_run import run_killed
from made_once import MadeOnce
from sliced_project import DAILY, a_sale_on, day, make_sliced, receipts_of, rows_of, sell, slices_of
from small_project import gate_of

from orchestrator_platform.components.load import load_definitions
from orchestrator_platform.operations import slices as slices_operation
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.dagster_sync import sync_versions
from orchestrator_platform.operations.dev import write_dagster_home
from orchestrator_platform.settings import load_settings

KEY, ORDERS = dg.AssetKey(["marts", "daily"]), dg.AssetKey(["raw", "orders"])
MONTH = [day(number) for number in range(1, 31)]
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def sold_in_a_month(folder: Path) -> None:
    make_sliced(folder)
    tables = folder / "defs/daily/tables.py"
    tables.write_text(tables.read_text().replace('"per_run": 4', '"per_run": 10'))
    sell(folder, "a.csv", a_sale_on(*range(1, 31)))


@pytest.fixture
def month(made_once: MadeOnce) -> Path:
    return made_once(sold_in_a_month)


@pytest.fixture
def instance(month: Path) -> Iterator[dg.DagsterInstance]:
    with _open(month) as opened:
        yield opened


def _open(folder: Path) -> dg.DagsterInstance:
    return dg.DagsterInstance.from_config(str(write_dagster_home(gate_of(folder).settings)))


def run(folder: Path, instance: dg.DagsterInstance, slices: Sequence[str] = (), **tags: str) -> Any:
    """Runs the step of the table for these slices, as one of a backfill's runs does."""
    defs = load_definitions(load_settings(home=folder / "home", project=folder, environment={}))
    job = defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection={KEY})
    given = dict(zip(RANGE, (slices[0], slices[-1]), strict=True)) if slices else {}
    return job.execute_in_process(instance=instance, tags={**given, **tags}, raise_on_error=False)


def run_the_second_ten(folder: Path) -> None:
    with _open(folder) as instance:
        run(folder, instance, MONTH[10:20])


def test_the_slices_are_partitions_and_a_backfill_is_bounded(month: Path) -> None:
    defs = load_definitions(load_settings(home=month / "home", project=month, environment={}))
    definition = defs.resolve_assets_def(KEY)
    assert definition.backfill_policy == dg.BackfillPolicy.multi_run(max_partitions_per_run=10)
    keys = definition.partitions_def.get_partition_keys()  # type: ignore[union-attr]
    assert (keys[0], keys[-1]) == (day(1), datetime.datetime.now(datetime.UTC).date().isoformat())
    assert definition.keys == {KEY}


def test_a_backfill_of_a_month_goes_on_after_a_kill(month: Path, instance: dg.DagsterInstance) -> None:
    assert run(month, instance, MONTH[:10]).success
    code = run_killed(month, slices_operation.__name__, "build_batch", "after", run_the_second_ten)
    assert code == -9
    # What watches over runs finds that its process is gone.
    for lost in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        instance.report_run_failed(lost)
    sync_versions(gate_of(month), instance)
    left = [name for name in MONTH if name not in instance.get_materialized_partitions(KEY)]
    assert left == MONTH[20:]
    for start in range(0, len(left), 10):
        assert run(month, instance, left[start : start + 10]).success
    assert instance.get_materialized_partitions(KEY) == set(MONTH)
    assert slices_of(receipts_of(gate_of(month))) == [[*range(1, 11)], [*range(11, 21)], [*range(21, 31)]]
    assert len(rows_of(gate_of(month))) == 30


def test_each_slice_is_materialized_with_its_own_data_version(month: Path, instance: dg.DagsterInstance) -> None:
    result = run(month, instance, MONTH[:3])
    events = result.get_asset_materialization_events()
    assert [event.partition for event in events] == MONTH[:3]
    versions = {event.materialization.tags["dagster/data_version"] for event in events}
    (receipt,) = receipts_of(gate_of(month))
    assert versions == {item.data_version for item in receipt.slices}
    assert len(versions) == 3
    again = run(month, instance, MONTH[:3])
    assert again.success
    assert [event.partition for event in again.get_asset_materialization_events()] == MONTH[:3]
    assert len(receipts_of(gate_of(month))) == 1


def test_a_run_that_a_condition_launched_builds_every_slice_that_lacks(
    month: Path, instance: dg.DagsterInstance
) -> None:
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    launched = run(month, instance, [today, today], **{"dagster/from_automation_condition": "true"})
    assert launched.success
    assert {*MONTH} <= instance.get_materialized_partitions(KEY)
    assert len(receipts_of(gate_of(month))) == 3


LATE = """

@python_table(
    key="marts.late",
    parents={"orders": "raw.orders", "summary": "marts.summary"},
    contract="contract.py:Daily",
    partition={**DAYS, "reads": {"raw.orders": "status"}},
)
def late(orders, summary):
    return daily(orders)
"""


class Ticks:
    """Asks for what the conditions of a project ask for, tick after tick."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.defs = load_definitions(load_settings(home=folder / "home", project=folder, environment={}))
        self._instance, self._cursor = instance, None

    def tick(self) -> set[str]:
        everything = dg.AssetSelection.all()
        result = dg.evaluate_automation_conditions(
            self.defs, self._instance, asset_selection=everything, cursor=self._cursor
        )
        self._cursor = result.cursor
        return {each.key.path[-1] for each in result.results if not each.true_subset.is_empty}


def test_slices_wait_while_a_run_makes_what_they_are_made_of(month: Path, instance: dg.DagsterInstance) -> None:
    """Slices have a run of their own, which would be started anew by each parent that comes."""
    ticks = Ticks(month, instance)
    assert ticks.tick() == {"daily", "firsts"}
    job = ticks.defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection={ORDERS})
    landing = instance.create_run_for_job(job, asset_selection=frozenset({ORDERS}))
    instance.report_dagster_event(dg.DagsterEvent(dg.DagsterEventType.RUN_STARTING.value, job.name), landing.run_id)
    sell(month, "b.csv", a_sale_on(3))
    assert ticks.tick() == set()
    instance.report_run_failed(landing)
    assert ticks.tick() == {"daily", "firsts"}


def test_slices_wait_for_a_table_that_is_asked_for(month: Path, instance: dg.DagsterInstance) -> None:
    tables = month / "defs/daily/tables.py"
    build(gate_of(month))
    tables.write_text(tables.read_text().replace("count(*) AS n_days", "2 * count(*) AS n_days") + LATE)
    ticks = Ticks(month, instance)
    assert ticks.tick() == {"daily", "firsts"}, "the file is another, and so is what is made by it"
    build(gate_of(month), [DAILY])
    assert ticks.tick() == {"summary"}
    build(gate_of(month), ["marts.summary"])
    assert ticks.tick() == {"late"}


def test_a_rejected_slice_fails_the_run_and_is_not_materialized(month: Path, instance: dg.DagsterInstance) -> None:
    sell(month, "bad.csv", [(99, "eve", 5000.0, day(2))])
    result = run(month, instance, MONTH[:4])
    assert not result.success
    assert instance.get_materialized_partitions(KEY) == {day(1), day(3), day(4)}
    failed = {each.check_name for each in result.get_asset_check_evaluations() if not each.passed}
    assert "total_lt_1000" in failed


def test_slices_of_the_command_line_are_reported_one_by_one(month: Path, instance: dg.DagsterInstance) -> None:
    build(gate_of(month), [DAILY], slices=MONTH[3:6])
    sync_versions(gate_of(month), instance)
    assert instance.get_materialized_partitions(KEY) == set(MONTH[3:6])
    checks = instance.event_log_storage.get_asset_check_execution_history(dg.AssetCheckKey(KEY, "slices"), limit=5)
    assert [record.evaluation.passed for record in checks if record.evaluation] == [True]
