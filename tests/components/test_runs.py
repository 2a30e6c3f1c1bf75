"""Runs of Dagster over a real lake: what is published is materialized, what is rejected is not."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pytest

GOOD = ("1,ann,4.5", "2,bob,20", "3,ann,8")
BAD = ("4,eve,3", "5,bob,1")


@dataclass(frozen=True)
class Week:
    """One project's runs, in this order. Eve is no customer that `marts.names` expects."""

    shop: Any
    first: Any
    same: Any
    audited: Any
    rejected: Any
    held: Any
    alone: Any
    mixed: Any


@pytest.fixture(scope="module")
def week(shared_shop: Any) -> Iterator[Week]:
    shop = shared_shop
    shop.drop("monday.csv", *GOOD)
    first, same, audited = shop.run(), shop.run("marts.totals"), shop.run(job="audit_again")
    shop.drop("tuesday.csv", *BAD)
    rejected, held = shop.run(), shop.run("marts.names")
    alone = shop.run(checks=[("marts.names", ACCEPTED), ("marts.names", "served")])
    mixed = shop.run("marts.totals", "marts.best")
    return Week(shop, first, same, audited, rejected, held, alone, mixed)


ACCEPTED = "dbt_accepted_values_names_customer_ann_bob_cy"


def test_what_is_published_is_materialized_with_its_version(week: Week) -> None:
    assert week.first.ok, week.first.failure
    assert sorted(week.first.materialized) == ["marts.best", "marts.names", "marts.totals", "raw.orders"]
    made = week.shop.materializations("marts.totals")[0]
    shown = {name: value.value for name, value in made.metadata.items()}
    assert (shown["version"], shown["dagster/row_count"], shown["inserted"], shown["deleted"]) == (1, 2, 2, 0)
    assert (shown["producer"], shown["auditor"]) == ("maker", "judge")
    assert shown["receipt"] == "orchestrator receipt marts.totals@1"
    assert [column.name for column in shown["dagster/column_schema"].columns] == ["customer", "total"]
    assert made.tags["dagster/data_version"].split("-")[2] == "2"


def test_every_check_of_the_audit_has_a_result_and_a_warning_does_not_fail_the_run(week: Week) -> None:
    assert set(week.first.checks) == _planned(week.shop) | {(asset, "served") for asset in week.shop.gate.assets}
    warned = {name for (_, name), passed in week.first.checks.items() if not passed}
    assert warned == {"dbt_accepted_values_totals_total_false_666"}


def test_nothing_changed_records_no_version_and_leaves_no_check_open(week: Week) -> None:
    assert week.same.ok
    assert week.same.materialized == []
    assert {name for asset, name in week.same.checks} > {"schema", "served"}


def test_checks_alone_judge_what_serves_and_publish_nothing(week: Week) -> None:
    assert week.audited.ok, week.audited.failure
    assert week.audited.materialized == []
    assert set(week.audited.checks) == set(week.first.checks)
    assert week.audited.checks == week.first.checks


def test_a_rejected_candidate_fails_the_run_with_its_checks_and_without_a_materialization(week: Week) -> None:
    run = week.rejected
    assert not run.ok
    assert run.checks["marts.names", ACCEPTED] is False
    assert run.checks["marts.names", "served"] is True
    assert [m.metadata["version"].value for m in week.shop.materializations("marts.names")] == [1]
    assert run.failure.startswith(f"marts.names was rejected: {ACCEPTED}, 1 failing row.")
    assert "version 1 still serves" in run.failure
    assert "`orchestrator quarantine show 1`" in run.failure


def test_what_was_published_beside_a_rejection_is_recorded_before_the_failure(week: Week) -> None:
    assert week.rejected.materialized == ["raw.orders", "marts.totals"]
    assert "marts.totals" not in week.rejected.failure


def test_inputs_that_were_rejected_before_are_not_built_and_the_run_says_so(week: Week) -> None:
    assert not week.held.ok
    assert week.held.failure.startswith("marts.names was not built: these inputs were rejected")
    assert "`orchestrator quarantine show 1`" in week.held.failure
    assert week.held.checks["marts.names", ACCEPTED] is False


def test_checks_alone_judge_the_candidate_that_waits(week: Week) -> None:
    assert not week.alone.ok
    assert week.alone.checks == {("marts.names", ACCEPTED): False, ("marts.names", "served"): True}
    assert week.alone.materialized == []


def test_an_unchanged_parent_does_not_keep_a_run_from_its_children(week: Week) -> None:
    assert week.mixed.ok, week.mixed.failure
    assert week.mixed.materialized == ["marts.totals", "marts.best"]
    versions = [made.tags["dagster/data_version"] for made in week.shop.materializations("marts.totals")]
    assert versions[1] == versions[2] != versions[0]


def _planned(shop: Any) -> set[tuple[str, str]]:
    gate = shop.gate
    return {(str(asset), name) for asset in gate.assets for name in gate.audit_plan(asset).checks}


def test_checks_of_a_publication_point_at_the_new_materialization(shop: Any) -> None:
    shop.drop("monday.csv", *GOOD)
    run = shop.run("raw.orders")
    assert run.ok, run.failure
    (record,) = shop.instance.fetch_materializations(dg.AssetKey(["raw", "orders"]), limit=1).records
    evaluation = shop.latest_check("raw.orders", "schema").evaluation
    assert evaluation.target_materialization_data.storage_id == record.storage_id


def test_a_rejected_landing_stays_red_until_its_files_are_dealt_with(shop: Any) -> None:
    shop.drop("monday.csv", "1,ann,-4")
    rejected = shop.run("raw.orders")
    assert not rejected.ok
    assert rejected.failure.startswith("raw.orders was rejected: no_refunds, 1 failing row")
    again = shop.run("raw.orders")
    assert not again.ok
    assert "their candidate was rejected" in again.failure
    assert again.checks["raw.orders", "no_refunds"] is False


def test_a_table_whose_parent_has_no_version_says_what_it_waits_for(shop: Any) -> None:
    run = shop.run("marts.totals")
    assert not run.ok
    assert "marts.totals waits: raw.orders is not published" in run.failure


def test_a_source_without_files_says_that_nothing_was_landed(shop: Any) -> None:
    run = shop.run("raw.orders")
    assert not run.ok
    assert "raw.orders has no version and nothing was published: no new files" in run.failure


def test_one_check_alone_gives_one_result(shop: Any) -> None:
    shop.drop("monday.csv", *GOOD)
    shop.run("raw.orders")
    run = shop.run(checks=[("raw.orders", "accounted_for")])
    assert run.ok, run.failure
    assert run.checks == {("raw.orders", "accounted_for"): True}


def test_failing_rows_are_shown_with_personal_data_masked(shop: Any) -> None:
    shop.drop("monday.csv", "1,ann,-4")
    shop.run("raw.orders")
    (row,) = shop.latest_check("raw.orders", "no_refunds").evaluation.metadata["sample"].records
    assert row.data["customer"] == "•••"
    assert row.data["amount"] == "-4.0"
