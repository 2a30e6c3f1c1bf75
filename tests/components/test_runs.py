"""Runs of Dagster over a real lake: what is published is materialized, what is rejected is not."""

from typing import Any

import pytest

GOOD = ("1,ann,4.5", "2,bob,20", "3,ann,8")
BAD = ("4,eve,3",)


def test_what_is_published_is_materialized_with_its_version_and_its_findings(shop: Any) -> None:
    shop.drop("monday.csv", *GOOD)
    run = shop.run()
    assert run.ok, run.failure
    assert sorted(run.materialized) == ["marts.best", "marts.names", "marts.totals", "raw.orders"]
    (made,) = shop.materializations("marts.totals")
    assert made.metadata["version"].value == 1
    assert made.metadata["dagster/row_count"].value == 2
    assert made.metadata["producer"].value == "maker"
    assert made.metadata["receipt"].value == "orchestrator receipt marts.totals@1"
    receipt = shop.gate.assets["marts.totals"]
    assert made.tags["dagster/data_version"].split("-")[2] == "2", receipt
    planned = {(asset, name) for asset in shop.gate.assets for name in shop.gate.audit_plan(asset).checks}
    planned |= {(asset, "served") for asset in shop.gate.assets}
    assert set(run.checks) == planned
    warned = {name for (_, name), passed in run.checks.items() if not passed}
    assert warned == {"dbt_accepted_values_totals_total_false_666"}


def test_checks_of_a_publication_point_at_the_new_materialization(shop: Any) -> None:
    shop.drop("monday.csv", *GOOD)
    shop.run("raw.orders")
    (record,) = shop.instance.fetch_materializations(_asset("raw.orders"), limit=1).records
    evaluation = shop.latest_check("raw.orders", "schema").evaluation
    assert evaluation.target_materialization_data.storage_id == record.storage_id


def test_nothing_changed_records_nothing_and_leaves_no_check_open(shop: Any) -> None:
    shop.drop("monday.csv", *GOOD)
    shop.run()
    again = shop.run("marts.totals")
    assert again.ok
    assert again.materialized == []
    assert again.checks["marts.totals", "schema"]
    assert len(shop.materializations("marts.totals")) == 1


def test_an_unchanged_parent_does_not_keep_a_run_from_its_children(shop: Any) -> None:
    shop.drop("monday.csv", *GOOD)
    shop.run("raw.orders")
    run = shop.run()
    assert run.ok, run.failure
    assert "marts.totals" in run.materialized
    first, second = shop.materializations("raw.orders")
    assert first.tags["dagster/data_version"] == second.tags["dagster/data_version"]


def test_a_rejected_candidate_fails_the_run_with_checks_and_without_a_materialization(shop: Any) -> None:
    shop.drop("monday.csv", *GOOD)
    assert shop.run().ok
    shop.drop("tuesday.csv", *BAD)
    assert shop.run("raw.orders").ok
    run = shop.run("marts.names")
    assert not run.ok
    assert run.materialized == []
    name = next(name for asset, name in run.checks if asset == "marts.names" and name.startswith("dbt_accepted"))
    assert run.checks["marts.names", name] is False
    assert run.checks["marts.names", "served"] is True
    assert run.failure.startswith("marts.names was rejected: dbt_accepted_values")
    assert "1 failing rows" in run.failure
    assert "version 1 still serves" in run.failure
    assert "`orchestrator quarantine show 1`" in run.failure
    assert len(shop.materializations("marts.names")) == 1


def test_what_was_published_beside_a_rejection_is_recorded_before_the_failure(shop: Any) -> None:
    shop.drop("monday.csv", *GOOD)
    assert shop.run().ok
    shop.drop("tuesday.csv", *BAD)
    assert shop.run("raw.orders").ok
    run = shop.run("marts.names", "marts.totals")
    assert not run.ok
    assert run.materialized == ["marts.totals"]
    assert "marts.totals" not in run.failure


def test_inputs_that_were_rejected_before_are_not_built_and_the_run_says_so(shop: Any) -> None:
    shop.drop("monday.csv", *GOOD, *BAD)
    assert shop.run("raw.orders").ok
    assert not shop.run("marts.names").ok
    again = shop.run("marts.names")
    assert not again.ok
    assert again.failure.startswith("marts.names was not built: these inputs were rejected")
    assert "no version of it serves" in again.failure
    assert "`orchestrator quarantine show 1`" in again.failure


def test_a_rejected_landing_stays_red_until_its_files_are_dealt_with(shop: Any) -> None:
    shop.drop("monday.csv", "1,ann,-4")
    rejected = shop.run("raw.orders")
    assert not rejected.ok
    assert rejected.failure.startswith("raw.orders was rejected: no_refunds, 1 failing rows")
    again = shop.run("raw.orders")
    assert not again.ok
    assert "its candidate was rejected" in again.failure
    assert again.checks["raw.orders", "no_refunds"] is False


def test_a_table_whose_parent_has_no_version_says_what_it_waits_for(shop: Any) -> None:
    run = shop.run("marts.totals")
    assert not run.ok
    assert "marts.totals waits: raw.orders is not published" in run.failure


def test_a_source_without_files_says_that_nothing_was_landed(shop: Any) -> None:
    run = shop.run("raw.orders")
    assert not run.ok
    assert "raw.orders has no version and nothing was published: no new files" in run.failure


def test_checks_alone_judge_what_serves_and_publish_nothing(shop: Any) -> None:
    shop.drop("monday.csv", *GOOD)
    shop.run()
    run = shop.run(job="audit_again")
    assert run.ok, run.failure
    assert run.materialized == []
    planned = {(asset, name) for asset in shop.gate.assets for name in shop.gate.audit_plan(asset).checks}
    assert planned < set(run.checks)
    assert [m.metadata["version"].value for m in shop.materializations("raw.orders")] == [1]


def test_one_check_alone_gives_one_result(shop: Any) -> None:
    shop.drop("monday.csv", *GOOD)
    shop.run("raw.orders")
    run = shop.run(checks=[("raw.orders", "accounted_for")])
    assert run.ok, run.failure
    assert run.checks == {("raw.orders", "accounted_for"): True}


def test_checks_alone_judge_the_candidate_that_waits(shop: Any) -> None:
    shop.drop("monday.csv", *GOOD, *BAD)
    shop.run("raw.orders")
    shop.run("marts.names")
    name = next(n for n in shop.gate.audit_plan("marts.names").checks if n.startswith("dbt_accepted"))
    run = shop.run(checks=[("marts.names", name), ("marts.names", "served")])
    assert not run.ok
    assert run.checks == {("marts.names", name): False, ("marts.names", "served"): False}
    assert shop.materializations("marts.names") == []


@pytest.mark.parametrize("column", ["customer"])
def test_failing_rows_are_shown_with_personal_data_masked(shop: Any, column: str) -> None:
    shop.drop("monday.csv", "1,ann,-4")
    shop.run("raw.orders")
    (row,) = shop.latest_check("raw.orders", "no_refunds").evaluation.metadata["sample"].records
    assert row.data[column] == "•••"
    assert row.data["amount"] == "-4.0"


def _asset(name: str) -> Any:
    import dagster as dg

    return dg.AssetKey(name.split("."))
