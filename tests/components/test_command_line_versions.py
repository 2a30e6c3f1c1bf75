"""Versions that the command line made appear in Dagster's log, once."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from orchestrator_platform.components.load import load_definitions
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.dagster_sync import sync_versions
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.rollback import Goal, rollback
from orchestrator_platform.projections.dagster_events import NAME, on_behalf_of


def test_a_version_from_the_command_line_is_reported_once_with_its_findings(kept_shop: Any) -> None:
    shop, gate = kept_shop, kept_shop.gate
    shop.drop("monday.csv", "1,ann,4.5")
    land(gate, "orders")
    sync_versions(gate, shop.instance)
    (made,) = shop.materializations("raw.orders")
    assert made.metadata["version"].value == 1
    assert made.tags["dagster/data_version"].split("-")[2] == "1"
    results = {name: shop.latest_check("raw.orders", name).evaluation for name in ("schema", "served")}
    assert all(result.passed for result in results.values())
    sync_versions(gate, shop.instance)
    _forget(shop)
    sync_versions(gate, shop.instance)
    assert len(shop.materializations("raw.orders")) == 1


def test_a_rejection_from_the_command_line_turns_the_checks_red_and_records_no_version(kept_shop: Any) -> None:
    shop, gate = kept_shop, kept_shop.gate
    shop.drop("monday.csv", "1,ann,-4")
    land(gate, "orders")
    for _ in range(2):
        _forget(shop)
        sync_versions(gate, shop.instance)
    assert shop.materializations("raw.orders") == []
    key = dg.AssetCheckKey(dg.AssetKey(["raw", "orders"]), "no_refunds")
    (record,) = shop.instance.event_log_storage.get_asset_check_execution_history(key, limit=5)
    assert record.evaluation.passed is False


def plan_run(shop: Any, asset: dg.AssetKey) -> dg.DagsterRun:
    """A run that is to make the asset and its checks, and has made none."""
    job = load_definitions(shop.settings).resolve_implicit_global_asset_job_def().get_subset(asset_selection={asset})
    return shop.instance.create_run_for_job(job, asset_selection=frozenset({asset}))  # type: ignore[no-any-return]


def test_a_rejection_is_reported_while_a_run_is_to_make_the_same_checks(kept_shop: Any) -> None:
    shop, gate, orders = kept_shop, kept_shop.gate, dg.AssetKey(["raw", "orders"])
    shop.drop("monday.csv", "1,ann,-4")
    land(gate, "orders")
    plan_run(shop, orders)
    for _ in range(2):
        _forget(shop)
        told = sync_versions(gate, shop.instance)
        assert told is not None
        assert told.error == ""
    history = shop.instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(orders, "no_refunds"), limit=5
    )
    assert [record.status.value for record in history] == ["FAILED", "PLANNED"]


def test_a_run_reports_what_came_before_it_and_its_own_publication_is_not_reported_again(kept_shop: Any) -> None:
    shop = kept_shop
    shop.drop("monday.csv", "1,ann,4.5")
    land(shop.gate, "orders")
    shop.drop("tuesday.csv", "2,bob,20")
    assert shop.run("raw.orders").ok
    _forget(shop)
    sync_versions(shop.gate, shop.instance)
    assert [made.metadata["version"].value for made in shop.materializations("raw.orders")] == [1, 2]


@pytest.mark.parametrize(("status", "n_reported"), [("STARTED", 0), ("FAILURE", 1)])
def test_a_publication_of_a_run_is_reported_only_after_the_run_ended_without_it(
    kept_shop: Any, status: str, n_reported: int
) -> None:
    shop, gate = kept_shop, kept_shop.gate
    run = dg.DagsterRun(job_name="__ASSET_JOB", status=dg.DagsterRunStatus(status))
    shop.instance.add_run(run)
    shop.drop("monday.csv", "1,ann,4.5")
    land(gate, "orders", on_behalf_of=on_behalf_of(run.run_id))
    projection = sync_versions(gate, shop.instance)
    assert bool(projection.error) == (n_reported == 0)
    assert len(shop.materializations("raw.orders")) == n_reported


def test_a_rollback_is_reported_as_versions_of_their_own(kept_shop: Any) -> None:
    shop, gate = kept_shop, kept_shop.gate
    for name, row in (("monday.csv", "1,ann,4.5"), ("tuesday.csv", "2,bob,20")):
        shop.drop(name, row)
        land(gate, "orders")
    rollback(gate, Goal("raw.orders", 1), why="tuesday is wrong", by="ada")
    for _ in range(2):
        _forget(shop)
        sync_versions(gate, shop.instance)
    made = shop.materializations("raw.orders")
    assert [item.metadata["version"].value for item in made] == [1, 2, 3]
    versions = [item.tags["dagster/data_version"] for item in made]
    assert versions[0] == versions[2] != versions[1]
    assert made[2].metadata["restores"].value == 1
    assert shop.latest_check("raw.orders", "served").evaluation.passed
    rollback(gate, Goal("raw.orders", None), why="all of it is wrong", by="ada")
    sync_versions(gate, shop.instance)
    assert not shop.latest_check("raw.orders", "served").evaluation.passed


def test_an_instance_in_memory_is_told_nothing(shop: Any) -> None:
    shop.drop("monday.csv", "1,ann,4.5")
    land(shop.gate, "orders")
    assert sync_versions(shop.gate, shop.instance) is None
    assert build(shop.gate, ["marts.best"]).outcomes
    assert shop.materializations("raw.orders") == []


def _forget(shop: Any) -> None:
    Path(shop.settings.home.projections / f"{NAME}.json").unlink(missing_ok=True)
