"""In Dagster freshness is a check of what serves: told by runs, and while none runs."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import dagster as dg

from orchestrator_platform.components.load import load_definitions
from orchestrator_platform.gate.context import Gate, utc_now
from orchestrator_platform.operations.dagster_sync import sync_freshness, sync_versions

SOURCE = "shop/defs/orders/defs.yaml"
PROMISE = "  freshness: {warn_after: {count: 2, period: day}}\n"


def promise(shop: Any) -> None:
    shop.write({SOURCE: (shop.settings.project.root / SOURCE).read_text() + PROMISE})


def later(gate: Gate, days: int) -> Gate:
    return replace(gate, now=lambda: utc_now() + timedelta(days=days))


def test_what_promises_a_freshness_has_one_check_that_blocks_nothing(shop: Any) -> None:
    promise(shop)
    graph = load_definitions(shop.settings).resolve_asset_graph()
    found = [key for key in graph.asset_check_keys if key.name == "freshness"]
    assert found == [dg.AssetCheckKey(dg.AssetKey(["raw", "orders"]), "freshness")]
    assert not graph.get(found[0]).blocking
    names = {sensor.name for sensor in load_definitions(shop.settings).sensors or ()}
    assert names == {"landing", "build", "versions", "freshness", "lost_runs"}


def test_a_run_tells_that_what_it_published_is_fresh_and_so_does_the_check_alone(shop: Any) -> None:
    promise(shop)
    shop.drop("monday.csv", "1,ann,4.5")
    run = shop.run("raw.orders")
    assert run.ok, run.failure
    assert run.checks["raw.orders", "freshness"] is True
    alone = shop.run(checks=[("raw.orders", "freshness")])
    assert (alone.ok, alone.checks) == (True, {("raw.orders", "freshness"): True})


def test_what_becomes_late_while_nothing_runs_is_told_once_and_so_is_its_end(kept_shop: Any) -> None:
    promise(kept_shop)
    gate, instance = kept_shop.gate, kept_shop.instance
    assert sync_freshness(gate, instance) == "nothing is late"
    kept_shop.drop("monday.csv", "1,ann,4.5")
    assert kept_shop.run("raw.orders").ok
    sync_versions(gate, instance)
    told = [sync_freshness(later(gate, days), instance) for days in (0, 3, 4, 0)]
    assert [text.split(" old")[0] for text in told] == [
        "nothing is late", "raw.orders is 3 d 0 h", "raw.orders is 4 d 0 h", "nothing is late",
    ]  # fmt: skip
    key = dg.AssetCheckKey(dg.AssetKey(["raw", "orders"]), "freshness")
    history = instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
    assert [(record.evaluation.passed, record.evaluation.severity.value) for record in history] == [
        (True, "WARN"), (False, "WARN"), (True, "WARN"),
    ]  # fmt: skip


def test_freshness_is_told_while_a_run_is_to_check_it(kept_shop: Any) -> None:
    promise(kept_shop)
    gate, instance, orders = kept_shop.gate, kept_shop.instance, dg.AssetKey(["raw", "orders"])
    kept_shop.drop("monday.csv", "1,ann,4.5")
    assert kept_shop.run("raw.orders").ok
    job = load_definitions(kept_shop.settings).resolve_implicit_global_asset_job_def()
    job = job.get_subset(asset_selection={orders})
    instance.create_run_for_job(job, asset_selection=frozenset({orders}))
    told = [sync_freshness(later(gate, days), instance) for days in (0, 3)]
    assert [text.split(" old")[0] for text in told] == ["nothing is late", "raw.orders is 3 d 0 h"]
