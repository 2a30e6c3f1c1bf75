"""Everything downstream of files is asked for when the gate would build it, in one run, and not again and again."""

import itertools
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from embedded_notes import NOTES, gate_of_notes, make_notes, note, write_notes

from orchestrator_platform.components.conditions import BUILD, _Looks
from orchestrator_platform.components.load import component_assets, load_definitions
from orchestrator_platform.components.waiting import Patience
from orchestrator_platform.gate.context import utc_now
from orchestrator_platform.operations.backoff import FIRST_SECONDS
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.replay import replay
from orchestrator_platform.operations.stale import StaleAssets
from orchestrator_platform.projections.dagster_values import dagster_key
from orchestrator_platform.records.keys import AssetKey

GOOD = ("1,ann,4.5", "2,bob,20", "3,ann,8")


class Ticks:
    """Evaluates the conditions again and again, as the sensor does."""

    def __init__(self, shop: Any) -> None:
        self._shop, self._cursor = shop, None
        self.defs = load_definitions(shop.settings)

    def tick(self, at: datetime | None = None) -> list[str]:
        result = dg.evaluate_automation_conditions(
            self.defs,
            self._shop.instance,
            asset_selection=dg.AssetSelection.all(),
            cursor=self._cursor,
            evaluation_time=at or utc_now(),
        )
        self._cursor = result.cursor
        requested = [r.key for r in result.results if not r.true_subset.is_empty]
        return sorted(".".join(key.path) for key in requested)


def test_a_new_version_asks_for_everything_on_top_of_it_at_once_and_an_unchanged_one_for_nothing(shop: Any) -> None:
    ticks = Ticks(shop)
    assert ticks.tick() == []
    shop.drop("monday.csv", *GOOD)
    land(shop.gate, "orders")
    assert ticks.tick() == ["marts.best", "marts.names", "marts.totals"]
    assert ticks.tick() == [], "it was asked for"
    build(shop.gate)
    shop.drop("again.csv", *GOOD)
    land(shop.gate, "orders")
    assert ticks.tick() == [], "the same bytes are no new version"


def test_a_rejected_candidate_is_not_asked_for_again_and_freezes_nothing_downstream_of_what_serves(shop: Any) -> None:
    ticks = Ticks(shop)
    for name, rows in (("monday.csv", GOOD), ("tuesday.csv", ("4,eve,3", "5,bob,1"))):
        shop.drop(name, *rows)
        assert shop.run("raw.orders").ok
        assert ticks.tick() == ["marts.best", "marts.names", "marts.totals"]
        shop.run("marts.names", "marts.totals", "marts.best")
    assert shop.latest_check("marts.names", "served").evaluation.passed
    # The run ended with the rejection, before it came to what is made of the totals alone.
    assert ticks.tick() == ["marts.best"]
    assert shop.run("marts.best").ok
    assert shop.gate.cut().heads["marts.best"].version == 2
    later = (utc_now() + timedelta(hours=hour) for hour in itertools.count(1))
    assert [ticks.tick(next(later)) for _ in range(3)] == [[], [], []]

    # Mended, it is published, and what waited for it comes on.
    models = shop.settings.project.root / "dbt/models/models.yml"
    shop.write({"dbt/models/models.yml": models.read_text().replace("[ann, bob, cy]", "[ann, bob, cy, eve]")})
    mended = Ticks(shop)
    assert mended.tick(next(later)) == ["marts.names"]


def test_what_waits_for_a_rejected_parent_comes_on_when_that_is_published(shop: Any) -> None:
    ticks = Ticks(shop)
    shop.drop("monday.csv", "1,ann,-4")
    rejected = land(shop.gate, "orders")
    assert ticks.tick() == []
    shop.write({"shop/defs/orders/no_refunds.sql": "SELECT * FROM raw.orders WHERE amount < -100"})
    replay(shop.gate, rejected.landed.outcome.quarantine, by="ada")
    assert Ticks(shop).tick() == ["marts.best", "marts.names", "marts.totals"]


def test_a_build_that_breaks_is_tried_again_less_and_less_often(shop: Any) -> None:
    shop.write({"shop/defs/best/best.py": _broken(shop)})
    ticks, began = Ticks(shop), utc_now()
    shop.drop("monday.csv", *GOOD)
    land(shop.gate, "orders")
    assert ticks.tick(began) == ["marts.best", "marts.names", "marts.totals"]
    build(shop.gate)
    asked = [n for n in range(1, 32) if ticks.tick(began + timedelta(seconds=n * FIRST_SECONDS / 2))]
    # The totals that it is made of were published meanwhile; from then on its inputs stay the same.
    assert asked == [1, 3, 7, 15, 31]
    assert ticks.tick(began - timedelta(days=1)) == ["marts.best"]


def test_a_clock_that_is_set_back_keeps_the_sensor_from_no_look(shop: Any) -> None:
    shop.drop("monday.csv", *GOOD)
    land(shop.gate, "orders")
    looks, now = _Looks(StaleAssets(shop.gate), {}), 1_800_000_000.0
    assert [looks.due(shop.instance, Patience(clock=lambda at=at: at)) for at in (now, now + 1, now - 86_400)] == [
        True,
        False,
        True,
    ]


def _broken(shop: Any) -> str:
    text = (shop.settings.project.root / "shop/defs/best/best.py").read_text()
    return text.replace("return totals", 'raise OSError("no")\n    return totals')


def test_an_asset_that_a_run_is_making_is_not_asked_for(shop: Any) -> None:
    ticks = Ticks(shop)
    shop.drop("monday.csv", *GOOD)
    land(shop.gate, "orders")
    job = ticks.defs.resolve_implicit_global_asset_job_def()
    job = job.get_subset(asset_selection={dg.AssetKey(["marts", "totals"])})
    run = shop.instance.create_run_for_job(job, asset_selection=frozenset({dg.AssetKey(["marts", "totals"])}))
    shop.instance.report_dagster_event(dg.DagsterEvent(dg.DagsterEventType.RUN_STARTING.value, job.name), run.run_id)
    assert ticks.tick() == ["marts.best", "marts.names"]
    shop.instance.report_run_failed(shop.instance.get_run_by_id(run.run_id))
    assert ticks.tick() == ["marts.totals"]


def test_the_sensor_asks_for_one_run_and_evaluates_nothing_while_nothing_changes(kept_shop: Any) -> None:
    defs = load_definitions(kept_shop.settings, Patience(seconds=0))
    repository = defs.get_repository_def()
    sensor = repository.get_sensor_def(BUILD)

    def tick(cursor: str | None) -> Any:
        with dg.build_sensor_context(instance=kept_shop.instance, cursor=cursor, repository_def=repository) as context:
            return sensor.evaluate_tick(context)

    idle = tick(None)
    assert (idle.run_requests, idle.skip_message) == ([], "nothing is to be built")
    kept_shop.drop("monday.csv", *GOOD)
    land(kept_shop.gate, "orders")
    (request,) = tick(idle.cursor).run_requests
    assert {".".join(key.path) for key in request.asset_selection} == {"marts.best", "marts.names", "marts.totals"}


@pytest.mark.filterwarnings("ignore::dagster.PreviewWarning", "ignore::dagster.BetaWarning")
def test_an_embedding_waits_for_a_run_that_makes_the_table_which_it_is_made_of_and_for_no_other(tmp_path: Path) -> None:
    folder = make_notes(tmp_path)
    write_notes(folder, [note(number) for number in range(5)])
    defs = dg.Definitions(assets=list(component_assets(gate_of_notes(folder))))
    table, vectors = dagster_key(AssetKey("marts.notes")), dagster_key(AssetKey(NOTES))
    with dg.DagsterInstance.ephemeral() as instance:

        def asked() -> set[dg.AssetKey]:
            every = dg.evaluate_automation_conditions(defs, instance, asset_selection=dg.AssetSelection.all())
            return {result.key for result in every.results if not result.true_subset.is_empty}

        assert asked() == {table, vectors}, "one run makes both"
        job = defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection={table})
        run = instance.create_run_for_job(job, asset_selection=frozenset({table}))
        instance.report_dagster_event(dg.DagsterEvent(dg.DagsterEventType.RUN_STARTING.value, job.name), run.run_id)
        assert asked() == set()
        build(gate_of_notes(folder), ["marts.notes"])
        assert asked() == {vectors}, "its table is built, and the run has yet to tell of it"
