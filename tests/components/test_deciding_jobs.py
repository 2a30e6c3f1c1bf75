"""A person decides from Dagster's pages: with a reason, by the command line's operations."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pytest

from orchestrator_platform.components.load import load_definitions
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.operations.records_of import history, journal, quarantine

GOOD = ("1,ann,4.5", "2,bob,20")
CONTRACT = "shop/defs/orders/contract.py"


@pytest.fixture(autouse=True)
def ada(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_PERSON", "ada")


def test_what_waits_is_let_in_once_its_contract_is_mended(shop: Any) -> None:
    shop.drop("monday.csv", *GOOD, "0,eve,1")
    assert shop.run("raw.orders").ok
    assert "needs a reason. Nothing was changed" in _launch(shop, "replay", {}).failure
    refused = _launch(shop, "replay", {"reason": "try again"})
    assert refused.failure.startswith("Entry 1 of raw.orders was not let in; version 1 still serves.")
    assert "`orchestrator quarantine show 1`" in refused.failure

    _mend(shop)
    tried = _launch(shop, "replay", {"dry_run": True})
    assert tried.said.startswith("Entry 1 of raw.orders would be answered with approve. Nothing was changed.")
    done = _launch(shop, "replay", {"entry": 1, "reason": "zero is a number, too"})
    assert done.said.startswith("raw.orders version 2 serves now, 1 row of entry 1.")
    (newest, _) = history(_platform(shop), "raw.orders")
    assert newest.reason == "zero is a number, too"
    event = next(event for event in journal(_platform(shop)) if event.act == "replay" and event.outcome == "published")
    assert (event.agent, event.on_behalf_of) == ("person:ada", "person:ada")
    assert "Nothing waits in quarantine" in _launch(shop, "replay", {"reason": "again"}).failure


def test_of_several_entries_one_must_be_named(shop: Any) -> None:
    for name in ("monday", "tuesday"):
        shop.drop(f"{name}.csv", *GOOD, f"0,{name},1")
        assert shop.run("raw.orders").ok
    asked = _launch(shop, "discard", {"reason": "not wanted"}).failure
    assert asked.startswith("2 entries wait in quarantine: 1 (raw.orders, 1 row), 2 (raw.orders, 1 row).")
    assert "`entry: 1`" in asked
    assert "no asset 'raw.order'" in _launch(shop, "discard", {"asset": "raw.order", "reason": "x"}).failure
    assert "not of marts.best" in _launch(shop, "discard", {"entry": 2, "asset": "marts.best", "reason": "x"}).failure
    tried = _launch(shop, "discard", {"entry": 2, "dry_run": True})
    assert tried.said == "Entry 2 of raw.orders, 1 row, would be discarded by person:ada."
    assert _launch(shop, "discard", {"entry": 2, "reason": "not wanted"}).ok
    assert [entry.state for entry in quarantine(_platform(shop))] == ["waiting", "discarded"]


def test_a_rollback_shows_its_plan_before_anything_is_done(shop: Any) -> None:
    for name, row in (("monday", "1,ann,4.5"), ("tuesday", "2,bob,20")):
        shop.drop(f"{name}.csv", row)
        assert shop.run("raw.orders", "marts.totals").ok
    planned = _launch(shop, "rollback", {"asset": "raw.orders"})
    assert planned.said.startswith("Rolling back raw.orders")
    assert "`dry_run: false`" in planned.said
    assert [record.data["asset"] for record in planned.table("rollback")] == ["raw.orders", "marts.totals"]
    assert len(history(_platform(shop), "raw.orders")) == 2

    assert "needs a reason" in _launch(shop, "rollback", {"asset": "raw.orders", "dry_run": False}).failure
    done = _launch(shop, "rollback", {"asset": "raw.orders", "dry_run": False, "reason": "tuesday is wrong"})
    assert done.ok, done.failure
    newest = history(_platform(shop), "marts.totals")[0]
    assert (newest.version, newest.restores) == (3, 1)
    for form, told in (
        ({}, "Which asset?"),
        ({"asset": "raw.orders", "to": "first"}, "'first' is no version"),
        ({"asset": "raw.orders", "release": "may"}, "Give an asset, or a release alone"),
        ({"asset": "raw.nothing"}, "no asset 'raw.nothing'"),
    ):
        assert told in _launch(shop, "rollback", form).failure


def test_a_full_rebuild_is_launched_with_a_reason_from_the_job_and_from_the_asset_itself(shop: Any) -> None:
    shop.drop("monday.csv", *GOOD)
    assert shop.run().ok
    assert "A full rebuild needs a reason" in _launch(shop, "build", {"rebuild": True}).failure
    built = _launch(shop, "build", {"assets": ["marts.totals"], "rebuild": True, "reason": "to be sure"})
    assert built.said == "0 of 1 assets have a new version; the others stand."
    assert "no asset 'marts.total'" in _launch(shop, "build", {"assets": ["marts.total"]}).failure

    config = {"ops": {"build_dbt_tables": {"config": {"rebuild": True}}}}
    job = load_definitions(shop.settings).resolve_implicit_global_asset_job_def()
    own = job.get_subset(asset_selection={dg.AssetKey(["marts", "totals"])})
    refused = own.execute_in_process(instance=shop.instance, run_config=config, raise_on_error=False)
    assert not refused.success
    config["ops"]["build_dbt_tables"]["config"] |= {"reason": "to be sure"}
    assert own.execute_in_process(instance=shop.instance, run_config=config, raise_on_error=False).success


def test_a_reason_said_at_the_launch_stands_in_the_receipt(shop: Any) -> None:
    shop.drop("monday.csv", *GOOD)
    config = {"ops": {"land_orders": {"config": {"reason": "the monday file came late"}}}}
    job = load_definitions(shop.settings).resolve_implicit_global_asset_job_def()
    own = job.get_subset(asset_selection={dg.AssetKey(["raw", "orders"])})
    assert own.execute_in_process(instance=shop.instance, run_config=config).success
    assert history(_platform(shop), "raw.orders")[0].reason == "the monday file came late"


def test_what_no_person_launched_decides_nothing(shop: Any) -> None:
    shop.drop("monday.csv", *GOOD, "0,eve,1")
    assert shop.run("raw.orders").ok
    launched = _launch(shop, "discard", {"reason": "tidy"}, tags={"dagster/sensor_name": "tidy"})
    assert launched.failure.startswith("Only a person launches discard.")
    assert [entry.state for entry in quarantine(_platform(shop))] == ["waiting"]


def test_the_launchpad_shows_every_field_filled_in(shop: Any) -> None:
    job = load_definitions(shop.settings).resolve_job_def("rollback")
    form = job.run_config["ops"]["rollback_as_person"]["config"]
    assert form == {"asset": "", "to": "", "release": "", "reason": "", "dry_run": True}


class Launched:
    def __init__(self, result: Any) -> None:
        self.result, self.ok = result, bool(result.success)

    @property
    def failure(self) -> str:
        """The first lines of the run's page."""
        (event,) = [event for event in self.result.all_events if event.is_step_failure]
        return str(event.event_specific_data.user_failure_data.description)

    def _metadata(self) -> Mapping[str, Any]:
        (event,) = [event for event in self.result.all_events if event.is_successful_output]
        return event.event_specific_data.metadata

    @property
    def said(self) -> str:
        return str(self._metadata()["summary"].value)

    def table(self, name: str) -> list[Any]:
        return list(self._metadata()[name].records)


def _launch(shop: Any, name: str, form: Mapping[str, Any], tags: Mapping[str, str] | None = None) -> Launched:
    job = load_definitions(shop.settings).resolve_job_def(name)
    config = {"ops": {f"{name}_as_person": {"config": dict(form)}}}
    result = job.execute_in_process(
        instance=shop.instance, run_config=config, tags=dict(tags or {}), raise_on_error=False
    )
    return Launched(result)


def _mend(shop: Any) -> None:
    text = (shop.settings.project.root / CONTRACT).read_text(encoding="utf-8")
    shop.write({CONTRACT: text.replace("ge=1", "ge=0")})


def _platform(shop: Any) -> Platform:
    return Platform.open(shop.settings.home.root, shop.settings.project.root)
