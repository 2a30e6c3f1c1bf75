"""The run that is launched beside a landing builds what it leads to, and is none where there is nothing to build."""

import json
import threading
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run

from orchestrator_platform.components.carrying import CARRIES_TAG, await_landings, carried_by, carry_request
from orchestrator_platform.components.load import load_definitions
from orchestrator_platform.components.together import built_with_dbt
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.project_assets import load_gate
from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.settings import load_settings

GOOD = ("1,ann,4.5", "2,bob,20")
RAW, TABLES = AssetKey("raw.orders"), ("marts.names", "marts.totals", "marts.best")
REMARK = ("marts.totals", "dbt_accepted_values_totals_total_false_666")


def carry(shop: Any, version: int) -> Any:
    return shop.run(*TABLES, tags={CARRIES_TAG: json.dumps({RAW: version}), "dagster/sensor_name": "landing"})


def landing_run(shop: Any) -> tuple[dg.JobDefinition, dg.DagsterRun]:
    """A run that lands, which was launched and has not begun."""
    key = dg.AssetKey(["raw", "orders"])
    job = load_definitions(shop.settings).resolve_implicit_global_asset_job_def().get_subset(asset_selection={key})
    run = shop.instance.create_run_for_job(job, asset_selection=frozenset({key}))
    return job, run


def published(shop: Any) -> dict[str, int]:
    return {str(asset): int(head.version) for asset, head in shop.gate.cut().heads.items()}


def test_it_builds_what_was_landed_and_counts_as_launched_by_itself(shop: Any) -> None:
    shop.drop("monday.csv", *GOOD)
    land(shop.gate, "orders")
    run = carry(shop, 0)
    assert run.ok, run.failure
    assert set(run.materialized) == set(TABLES)
    assert published(shop) == dict.fromkeys((RAW, *TABLES), 1)


def test_beside_a_landing_that_gave_nothing_it_publishes_nothing_and_leaves_no_check_open(shop: Any) -> None:
    shop.drop("monday.csv", *GOOD)
    land(shop.gate, "orders")
    build(shop.gate)
    before = published(shop)
    shop.drop("bad.csv", "3,ann,-4")
    assert not shop.run(RAW).ok
    run = carry(shop, 1)
    assert run.ok, run.failure
    assert published(shop) == before
    assert {asset for asset, _ in run.checks} == set(TABLES)
    assert [check for check, passed in run.checks.items() if not passed] == [REMARK]


def test_what_waits_in_quarantine_is_no_failure_of_a_run_that_has_nothing_to_do_with_it(shop: Any) -> None:
    shop.drop("monday.csv", *GOOD)
    land(shop.gate, "orders")
    build(shop.gate)
    shop.drop("tuesday.csv", "4,eve,3")
    land(shop.gate, "orders")
    assert not carry(shop, 1).ok, "eve is rejected"
    build(shop.gate)
    run = carry(shop, 2)
    assert run.ok, run.failure
    assert shop.latest_check("marts.names", "served").run_id == run.result.run_id
    assert not shop.latest_check("marts.names", "dbt_accepted_values_names_customer_ann_bob_cy").evaluation.passed


def test_it_waits_for_the_landing_and_dagster_names_the_version_that_it_was_built_from(kept_shop: Any) -> None:
    shop = kept_shop
    shop.drop("monday.csv", *GOOD)
    job, run = landing_run(shop)
    carried: list[Any] = []
    thread = threading.Thread(target=lambda: carried.append(carry(shop, 0)))
    thread.start()
    assert execute_run(InMemoryJob(job), run, shop.instance).success
    thread.join(120)
    assert carried[0].ok, carried[0].failure
    (landed,), (built,) = shop.materializations(RAW), shop.materializations("marts.totals")
    assert built.tags["dagster/input_data_version/raw/orders"] == landed.tags["dagster/data_version"]


def test_it_waits_for_no_longer_than_a_minute(shop: Any) -> None:
    landing_run(shop)
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    await_landings(shop.gate, shop.instance, {RAW: 0}, clock=lambda: now[0], sleep=sleep)
    assert 60 <= now[0] < 61


def test_nothing_is_carried_while_a_run_makes_some_of_it(shop: Any) -> None:
    request = carry_request(shop.gate, [RAW], shop.instance)
    assert request is not None
    assert json.loads(request.tags[CARRIES_TAG]) == {RAW: 0}
    job = load_definitions(shop.settings).resolve_implicit_global_asset_job_def()
    key = dg.AssetKey(["marts", "best"])
    shop.instance.create_run_for_job(job.get_subset(asset_selection={key}), asset_selection=frozenset({key}))
    assert carry_request(shop.gate, [RAW], shop.instance) is None


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load_gate(load_settings(home=tmp_path_factory.mktemp("home"), environment={}))


def test_what_is_slow_in_slices_or_a_persons_to_start_is_not_carried(shipped: Any) -> None:
    carried = carried_by(shipped, [AssetKey("raw.cve_record")])
    assert {"staging.stg_cve_record", "raw.landed_file", "features.vulnerability", "marts.triage"} <= set(carried)
    left_out = {"embeddings.advisory", "monitoring.exploitation", "models.exploitation", "marts.daily_intake"}
    assert left_out.isdisjoint(carried)
    assert {"staging.stg_kev", "raw.kev", "raw.cve_record"}.isdisjoint(carried), "it is made of nothing that was landed"


def test_the_ledger_is_built_with_the_dbt_tables(shipped: Any) -> None:
    assert "raw.landed_file" in built_with_dbt(shipped)
