"""A rollback of the small project through the platform: what is built afterwards, landed, read and permitted."""

from pathlib import Path

import pytest
from made_once import MadeOnce
from small_project import gate_of, make_project, open_project, write, write_orders

from orchestrator_platform.errors import Misuse, NotPermitted
from orchestrator_platform.gate.outcomes import Held, Published, Unchanged, Waiting
from orchestrator_platform.operations.audit import audit_again
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.records_of import journal, ledger
from orchestrator_platform.operations.releases import release
from orchestrator_platform.operations.rollback import Goal, plan, rollback
from orchestrator_platform.operations.served import read_served
from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.records.ledger import FileState
from orchestrator_platform.records.verdicts import Decision

TABLES = ("marts.totals", "marts.ranking")
TOTALS = AssetKey("marts.totals")


def make_two_days(folder: Path) -> None:
    make_project(folder)
    for day, row in (("day1.csv", (1, "ada", 10, "open")), ("day2.csv", (2, "bob", 5, "paid"))):
        land(gate_of(folder), "orders", [write_orders(folder, day, row)])
        build(gate_of(folder))
        if day == "day1.csv":
            release(gate_of(folder), "first-day", why="a test", by="ada")


@pytest.fixture
def project(made_once: MadeOnce) -> Path:
    """Two days landed and built; the first is named a release."""
    return made_once(make_two_days)


def built(folder: Path) -> list[type]:
    return [type(outcome) for outcome in build(gate_of(folder)).outcomes]


def test_a_build_after_a_rollback_does_nothing_for_what_is_right(project: Path) -> None:
    rollback(gate_of(project), Goal("raw.orders", 1), why="the second day is wrong", by="ada")
    assert built(project) == [Unchanged, Unchanged]
    platform = open_project(project)
    assert platform.read("marts.totals").fetchall() == [("ada", 10.0)]
    assert journal(platform, 1)[0].agent == "person:ada"
    served = read_served(platform.gate, [AssetKey(name) for name in ("raw.orders", *TABLES)])
    assert all(item.finding.passed for item in served.values())
    assert audit_again(platform.gate, "raw.orders").verdict.decision is Decision.APPROVE


def test_what_was_rolled_back_is_not_built_again_from_the_same_inputs(project: Path) -> None:
    rollback(gate_of(project), Goal("marts.totals", 1), why="the sum is wrong")
    assert built(project) == [Held, Unchanged]
    tables = project / "defs" / "marts" / "tables.py"
    write(tables, tables.read_text().replace("sum(amount)", "2 * sum(amount)"))
    assert built(project) == [Published, Published]
    assert sorted(open_project(project).read("marts.totals").fetchall()) == [("ada", 20.0), ("bob", 10.0)]


def test_an_empty_parent_is_waited_for_and_a_landing_begins_anew(project: Path) -> None:
    rollback(gate_of(project), Goal("raw.orders", None), why="all of it is wrong")
    assert built(project) == [Waiting, Waiting]
    found = read_served(gate_of(project), [TOTALS])[TOTALS]
    assert not found.finding.passed
    assert "every version that it could return to is retracted" in found.finding.message
    land(gate_of(project), "orders", [write_orders(project, "day3.csv", (3, "eve", 7, "open"))])
    assert built(project) == [Published, Published]
    platform = open_project(project)
    assert platform.read("marts.totals").fetchall() == [("eve", 7.0)]
    assert platform.query("SELECT order_id, _landed_seq FROM raw.orders").fetchall() == [(3, 1)]
    assert audit_again(platform.gate, "raw.orders").verdict.decision is Decision.APPROVE


def test_a_file_whose_rows_are_retracted_is_a_duplicate_that_says_how_they_come_back(project: Path) -> None:
    rollback(gate_of(project), Goal("raw.orders", 1), why="the second day is wrong")
    again = land(gate_of(project), "orders", [write_orders(project, "again.csv", (2, "bob", 5, "paid"))])
    assert isinstance(again.landed.outcome, Unchanged)
    assert "`orchestrator rollback raw.orders --to 2 --why TEXT`" in again.landed.outcome.why
    land(gate_of(project), "orders", [write_orders(project, "day3.csv", (3, "eve", 7, "open"))])
    platform = open_project(project)
    assert [row[0] for row in platform.query("SELECT order_id FROM raw.orders ORDER BY 1").fetchall()] == [1, 3]
    states = [(entry.state, entry.n_published, entry.n_quarantined, entry.n_duplicate) for entry in ledger(platform)]
    assert states == [
        (FileState.LANDED, 1, 0, 0),
        (FileState.RETRACTED, 0, 1, 0),
        (FileState.DUPLICATE, 0, 0, 1),
        (FileState.LANDED, 1, 0, 0),
    ]


def test_a_release_is_read_and_returned_to(project: Path) -> None:
    platform = open_project(project)
    assert platform.read("marts.totals", release="first-day").fetchall() == [("ada", 10.0)]
    rollback(platform.gate, Goal(release="first-day"), why="as it was", by="ada")
    assert open_project(project).read("marts.totals").fetchall() == [("ada", 10.0)]
    assert built(project) == [Unchanged, Unchanged]


def test_a_release_never_moves_and_its_name_is_safe(project: Path) -> None:
    with pytest.raises(Misuse, match="never moves"):
        release(gate_of(project), "first-day", by="ada")
    for name in ("", "../up", "a b", "-x", "Ä", "x" * 64):
        with pytest.raises(Misuse, match="cannot name a release"):
            release(gate_of(project), name, by="ada")
    with pytest.raises(Misuse, match="There is no release 'other'"):
        open_project(project).read("marts.totals", release="other")


def test_who_may_not_is_refused_and_a_reason_is_required(project: Path) -> None:
    maker = project / "agents" / "maker.md"
    write(maker, maker.read_text().replace(", rollback]", "]"))
    before = open_project(project).cut().snapshot
    with pytest.raises(NotPermitted):
        rollback(gate_of(project), Goal("raw.orders", 1), why="wrong")
    with pytest.raises(NotPermitted):
        release(gate_of(project), "second-day")
    with pytest.raises(Misuse, match="needs a reason"):
        rollback(gate_of(project), Goal("raw.orders", 1), why="  ", by="ada")
    assert plan(gate_of(project), Goal("raw.orders", 1)).steps
    assert open_project(project).cut().snapshot == before
