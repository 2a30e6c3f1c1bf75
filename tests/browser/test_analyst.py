"""An analyst at work in Dagster's pages, in a real browser over a real home: one story, told in order.

Pictures for the documentation are taken on the way: `pytest tests/browser --screenshots docs/images`.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import Pages, browsing, find_chromium, serving, wait_until
from orders_shop import CONTRACT, drop, make_shop, orders
from playwright.sync_api import expect

from orchestrator_platform.home_format import make_home
from orchestrator_platform.operations.build import build, plan
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.operations.project_assets import load_gate
from orchestrator_platform.operations.records_of import history, quarantine
from orchestrator_platform.settings import Settings, load_settings

LINEAGE = "/asset-groups?expanded=" + ",".join(f"global@global:{group}" for group in ("raw", "marts", "platform"))
REPLAY = """\
ops:
  replay_as_person:
    config:
      asset: raw.orders
      reason: refunds are orders, too
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with three weeks of orders, landed and built at a prompt."""
    folder = tmp_path_factory.mktemp("shop")
    found = load_settings(home=folder / "home", project=make_shop(folder / "project"), environment={})
    make_home(found.home)
    gate = load_gate(found)
    for name, days in (("week-1", range(7)), ("week-2", range(7, 14)), ("week-3", range(14, 21))):
        drop(found.home.root, f"{name}.csv", *orders(days))
        assert not land(gate, "orders", reason=f"{name} of May").is_no
        assert not build(gate, reason=f"{name} of May").is_no
    return found


@pytest.fixture(scope="module")
def pages(settings: Settings, request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    find_chromium()
    screenshots = request.config.getoption("--screenshots")
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with (
        serving(settings.home.root, settings.project.root, log) as address,
        browsing(address, Path(screenshots) if screenshots else None) as opened,
    ):
        yield opened


def test_the_lineage_shows_every_asset(pages: Pages) -> None:
    pages.open(LINEAGE, "daily_orders")
    for name in ("orders", "countries", "revenue", "quarantine"):
        expect(pages.page.get_by_text(name, exact=True).first).to_be_visible()
    pages.shoot("lineage")


def test_a_file_is_materialized_and_watched_until_it_is_published(pages: Pages, settings: Settings) -> None:
    bad = [
        (901, "2026-05-22", "customer 7", "DE", -12.5, "paid"),
        (902, "2026-05-22", "customer 9", "FR", -3.0, "paid"),
    ]
    drop(settings.home.root, "week-4.csv", *orders(range(21, 28)), *bad)
    pages.open("/assets/raw/orders", "Every order as it came in")
    run = pages.press("Materialize")
    assert run.finished() == "SUCCESS"
    pages.open("/assets/raw/orders", "rows since version 3")
    pages.shoot("raw-orders")


def test_a_page_answers_and_its_pictures_are_rendered(pages: Pages) -> None:
    pages.open("/assets/raw/orders", "last_rejection")
    pages.page.get_by_text("Filter columns").or_(
        pages.page.get_by_text("published_at")
    ).last.scroll_into_view_if_needed()
    pages.shoot("answers")
    for key in ("landed", "plot_statuses", "publications"):
        assert pages.rendered_pictures(pages.show(key)) == [640]
        if key == "plot_statuses":
            pages.shoot("plot-statuses")
        pages.close()
    pages.open("/assets/marts/daily_orders", "columns_made_from")
    with pages.page.expect_popup() as opened:
        pages.page.locator('a[href*="model.small.daily_orders"]').first.click()
    expect(opened.value.get_by_text("Orders of each day and status").first).to_be_visible()
    opened.value.close()


def test_results_of_checks_are_read_and_one_check_is_run_alone(pages: Pages, settings: Settings) -> None:
    check = "dbt_accepted_values_countries_country_at_de_fr_it"
    pages.open(f"/assets/marts/countries?view=checks&checkDetail={check}", "Passed")
    pages.shoot("checks")
    _settle(settings)
    before = _history(settings, "marts.countries")
    run = pages.press("Execute")
    assert run.finished() == "SUCCESS"
    assert _history(settings, "marts.countries") == before, "a check alone publishes nothing"


def test_what_is_dropped_is_landed_and_built_with_nothing_pressed(pages: Pages, settings: Settings) -> None:
    _settle(settings)
    before = _history(settings, "marts.revenue")
    drop(settings.home.root, "late-in-week-5.csv", *orders(range(28, 29)))
    wait_until(lambda: len(_history(settings, "marts.revenue")) > len(before), "the file to reach the last table")
    pages.open("/runs", "landing")
    # The run that lands and the run that builds were asked for by one sensor.
    expect(pages.page.get_by_text("landing", exact=True).nth(1)).to_be_visible()
    pages.shoot("runs-by-themselves")


def test_a_rejected_run_says_in_its_first_lines_what_failed_and_what_to_do(pages: Pages, settings: Settings) -> None:
    drop(settings.home.root, "week-5.csv", *orders(range(29, 30)), (903, "2026-05-29", "customer 3", "XX", 9.0, "open"))
    pages.open(LINEAGE, "daily_orders")
    # The file may be too young for this run, or another run, launched by itself, may have had it first.
    pages.press("Materialize all").finished()
    run = pages.failed_with("marts.countries was rejected")
    pages.open(f"/runs/{run.id}", "marts.countries was rejected")
    said = pages.page.get_by_text("marts.countries was rejected").first.inner_text()
    assert "1 failing row" in said
    assert re.search(r"version \d+ still serves", said)
    assert "orchestrator quarantine show 2" in said
    pages.shoot("rejected-run")


def test_the_quarantine_shows_what_waits_and_why(pages: Pages) -> None:
    pages.open_until("/assets/quarantine", "marts.countries")
    assert pages.rendered_pictures(pages.show("by_reason")) == [640]
    pages.shoot("quarantine")


def test_a_replay_is_launched_with_a_reason_and_publishes_what_waited(pages: Pages, settings: Settings) -> None:
    contract = settings.project.root / CONTRACT
    contract.write_text(contract.read_text(encoding="utf-8").replace("ge=0", "ge=-100"), encoding="utf-8")
    pages.reload_definitions()
    pages.open("/locations/orchestrator/jobs/replay/playground", "replay_as_person")
    refused = pages.press("Launch Run")
    assert refused.finished() == "FAILURE"
    pages.open(f"/runs/{refused.id}", "A replay needs a reason")

    pages.open("/locations/orchestrator/jobs/replay/playground", "replay_as_person")
    pages.write_form(REPLAY)
    pages.shoot("launchpad")
    run = pages.press("Launch Run")
    assert run.finished() == "SUCCESS"
    pages.open(f"/runs/{run.id}", "2 rows of entry 1")
    newest = _history(settings, "raw.orders")[0]
    assert newest.reason == "refunds are orders, too"
    states = {entry.id: entry.state for entry in quarantine(_platform(settings))}
    assert states[1] == "replayed"


def _settle(settings: Settings) -> None:
    """Waits until all that was landed is built: what arrives is carried through by itself, too."""
    gate = load_gate(settings)
    wait_until(lambda: all(planned.need != "stale" for planned in plan(gate)), "what was landed to be built")


def _history(settings: Settings, asset: str) -> Any:
    return history(_platform(settings), asset)


def _platform(settings: Settings) -> Platform:
    return Platform.open(settings.home.root, settings.project.root)
