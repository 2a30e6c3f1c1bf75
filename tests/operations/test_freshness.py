from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from small_project import DBT_FILES, FILES, gate_of, make_project, write_orders

from orchestrator_platform.errors import DefinitionError
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.gate.outcomes import Published, Unchanged
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.freshness import read_freshness
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.rollback import Goal, rollback
from orchestrator_platform.operations.status import State, read_status
from orchestrator_platform.records.freshness import Freshness, Span

START = datetime(2030, 1, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PROMISE = "  freshness: {{warn_after: {{count: {count}, period: {period}}}}}\n"
At = Callable[[timedelta], Gate]


def promising(name: str, count: int, period: str) -> dict[str, str]:
    return {name: FILES[name].rstrip(" ") + " " * 8 + PROMISE.format(count=count, period=period)}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    changes = promising("defs/orders/defs.yaml", 2, "day") | promising("defs/marts/defs.yaml", 6, "hour")
    return make_project(tmp_path, changes=changes)


@pytest.fixture
def at(project: Path) -> At:
    """The gate as it is so long after the start."""
    return lambda later: replace(gate_of(project), now=lambda: START + later)


def fresh(gate: Gate) -> dict[str, str | None]:
    return {item.asset: item.freshness for item in read_status(gate)}


def land_and_build(gate: Gate, file: Path) -> None:
    land(gate, "orders", [file])
    build(gate)


def test_a_source_is_as_old_as_the_last_landing_that_brought_rows(project: Path, at: At) -> None:
    first = write_orders(project, "day1.csv", (1, "ada", 10, "open"))
    land(at(0 * DAY), "orders", [first])
    land(at(1 * DAY), "orders", [first])
    land(at(1 * DAY), "orders", [write_orders(project, "bad.csv", (2, "ada", -1, "open"))])
    assert fresh(at(2 * DAY))["raw.orders"] == "fresh"
    (late,) = (item for item in read_status(at(2 * DAY + HOUR)) if item.freshness == "late" and item.kind == "raw")
    assert (late.age, late.state) == ("2 d 1 h old, promised every 2 days", State.CURRENT)
    land(at(3 * DAY), "orders", [write_orders(project, "day2.csv", (3, "ada", 5, "open"))])
    assert fresh(at(4 * DAY))["raw.orders"] == "fresh"
    rollback(at(4 * DAY), Goal("raw.orders", 1), why="the third day is wrong", by="ada")
    assert read_freshness(at(4 * DAY), ["raw.orders"])["raw.orders"].since == START


def test_a_table_that_is_current_is_fresh_however_long_ago_it_was_published(project: Path, at: At) -> None:
    land_and_build(at(0 * DAY), write_orders(project, "day1.csv", (1, "ada", 10, "open")))
    assert fresh(at(300 * DAY)) == {"raw.orders": "late", "marts.totals": "fresh", "marts.ranking": "fresh"}


def test_a_table_is_as_old_as_the_first_input_that_it_lacks(project: Path, at: At) -> None:
    land_and_build(at(0 * DAY), write_orders(project, "day1.csv", (1, "ada", 10, "open")))
    land(at(10 * DAY), "orders", [write_orders(project, "day2.csv", (2, "bob", 20, "open"))])
    land(at(11 * DAY), "orders", [write_orders(project, "day3.csv", (3, "eve", 30, "open"))])
    soon, later = read_freshness(at(10 * DAY + HOUR), ["marts.totals"]), read_freshness(at(11 * DAY), ["marts.ranking"])
    assert (soon["marts.totals"].punctuality, soon["marts.totals"].since) == ("fresh", START + 10 * DAY)
    assert (later["marts.ranking"].punctuality, later["marts.ranking"].since) == ("late", START + 10 * DAY)


def test_a_build_that_found_nothing_new_counts_as_known_to_be_current(project: Path, at: At) -> None:
    land_and_build(at(0 * DAY), write_orders(project, "day1.csv", (1, "ada", 10, "open")))
    land(at(10 * DAY), "orders", [write_orders(project, "day2.csv", (2, "ada", 20, "open"))])
    assert [type(outcome) for outcome in build(at(10 * DAY)).outcomes] == [Published, Unchanged]
    land(at(20 * DAY), "orders", [write_orders(project, "day3.csv", (3, "ada", 30, "open"))])
    build(at(20 * DAY), ["marts.totals"])
    land(at(30 * DAY), "orders", [write_orders(project, "day4.csv", (4, "eve", 99, "open"))])
    found = read_freshness(at(30 * DAY + HOUR), ["marts.totals", "marts.ranking"])
    assert found["marts.totals"].since == START + 30 * DAY
    assert found["marts.ranking"].since == START + 20 * DAY


def test_rejected_inputs_make_a_table_late_and_a_late_source_is_published_all_the_same(project: Path, at: At) -> None:
    land_and_build(at(0 * DAY), write_orders(project, "day1.csv", (1, "ada", 10, "open")))
    landed = land(at(9 * DAY), "orders", [write_orders(project, "day2.csv", (2, "bob", 5000, "open"))])
    assert isinstance(landed.landed.outcome, Published)
    build(at(9 * DAY))
    totals = next(item for item in read_status(at(10 * DAY)) if item.asset == "marts.totals")
    assert (totals.state, totals.freshness, totals.age) == (
        State.REJECTED, "late", "1 d 0 h old, promised every 6 hours",
    )  # fmt: skip


def test_a_promise_is_no_reason_to_build_anew_and_without_one_nothing_is_late(project: Path, at: At) -> None:
    land_and_build(at(0 * DAY), write_orders(project, "day1.csv", (1, "ada", 10, "open")))
    make_project(project)
    found = read_status(at(300 * DAY))
    assert {(item.state, item.freshness, item.age) for item in found} == {(State.CURRENT, None, "")}


def test_a_model_may_promise_for_itself_in_its_meta(tmp_path: Path) -> None:
    grain = "{meta: {grain: [status]}}"
    models = DBT_FILES["dbt/models/models.yml"]
    own = models.replace(grain, "{meta: {grain: [status], freshness: {warn_after: {count: 90, period: minute}}}}")
    project = make_project(tmp_path, dbt=True, changes={"dbt/models/models.yml": own})
    promise = Freshness(warn_after=Span(count=90, period="minute"))
    assert gate_of(project).assets["marts.statuses"].freshness == promise
    wrong = models.replace(grain, "{meta: {grain: [status], freshness: {warn_after: {count: 90, period: year}}}}")
    make_project(tmp_path, dbt=True, changes={"dbt/models/models.yml": wrong})
    with pytest.raises(DefinitionError, match=r"statuses\.sql: marts\.statuses .*`freshness\.warn_after\.period`"):
        gate_of(project)


def test_a_promise_that_would_block_is_refused_with_file_and_line(tmp_path: Path) -> None:
    changes = promising("defs/orders/defs.yaml", 2, "day")
    changes = {name: text.replace("warn_after", "error_after") for name, text in changes.items()}
    with pytest.raises(DefinitionError, match=r"orders/defs\.yaml:8: `freshness\.warn_after`: Field required"):
        gate_of(make_project(tmp_path, changes=changes))
