"""Rolling back, releasing and what the other commands say of it, at the prompt."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from made_once import MadeOnce
from small_project import make_project, write_orders

from orchestrator_platform.cli.edge import run

Call = Callable[..., object]


def make_two_days(folder: Path) -> None:
    make_project(folder)
    for day, row in (("day1.csv", (1, "ada", 10, "open")), ("day2.csv", (2, "bob", 5, "paid"))):
        assert run(["--project", str(folder), "land", "orders", str(write_orders(folder, day, row))]) == 0
        assert run(["--project", str(folder), "build"]) == 0


@pytest.fixture
def twice(made_once: MadeOnce) -> Path:
    return made_once(make_two_days)


def test_a_rollback_shows_its_plan_and_what_became_of_it(orchestrator: Call, twice: Path) -> None:
    tried = orchestrator(twice, "rollback", "raw.orders", "--to", "1", "--dry-run")
    assert tried.code == 0
    assert re.search(r"marts\.ranking +2 +3 +version 1 +raw\.orders", tried.out)
    assert "retracted: marts.ranking@2, marts.totals@2, raw.orders@2\nfollows: journal" in tried.out
    assert len(json.loads(orchestrator(twice, "history", "raw.orders", "--json").out)) == 2

    done = orchestrator(twice, "rollback", "raw.orders", "--to", "1", "--why", "day two is wrong", "--by", "ada")
    assert done.code == 0, done.err
    assert done.out.startswith(tried.out)
    assert "done: 3 versions published in one snapshot" in done.out
    assert "1 row of raw.orders in quarantine; look: `orchestrator quarantine show 1`" in done.out

    again = orchestrator(twice, "rollback", "raw.orders", "--to", "1", "--why", "again")
    assert (again.code, again.out) == (0, "raw.orders@1: nothing to do; it is so already.\n")

    versions = json.loads(orchestrator(twice, "history", "marts.totals", "--json").out)
    assert [(v["version"], v["restores"], v["retracted_by"]) for v in versions] == [
        (3, 1, []),
        (2, None, ["raw.orders"]),
        (1, None, []),
    ]
    text = orchestrator(twice, "history", "marts.totals").out
    assert re.search(r"restores 1 +day two is wrong", text)
    assert "retracted with raw.orders" in text
    assert "standing      restores 1" in orchestrator(twice, "receipt", "marts.totals").out
    assert orchestrator(twice, "ledger").out.endswith("2 files: 2 rows = 1 published + 1 quarantined + 0 duplicate\n")
    shown = orchestrator(twice, "quarantine", "show", 1).out
    assert "1 row of versions that were rolled back" in shown
    assert "bring them back: `orchestrator rollback raw.orders --to 2 --why TEXT`" in shown

    forward = json.loads(orchestrator(twice, "rollback", "raw.orders", "--to", 2, "--why", "fine", "--json").out)
    assert (forward["done"], [step["restores"] for step in forward["steps"]]) == (True, [2, 2, 2])
    assert [entry["state"] for entry in forward["settled"]] == ["replayed"]
    assert "Its rows serve again." in orchestrator(twice, "quarantine", "show", 1).out


def test_what_was_rolled_back_is_held_and_its_history_says_why(orchestrator: Call, twice: Path) -> None:
    orchestrator(twice, "rollback", "marts.totals", "--to", "1", "--why", "totals are wrong", "--by", "ada")
    built = orchestrator(twice, "build", "marts.totals")
    assert "version 3 still serves; look: `orchestrator history marts.totals`" in built.out
    assert "totals are wrong" in orchestrator(twice, "history", "marts.totals").out


def test_a_release_is_named_listed_read_and_returned_to(orchestrator: Call, twice: Path) -> None:
    assert orchestrator(twice, "releases").out.startswith("Nothing was released yet.")
    refused = orchestrator(twice, "release", "v1", "--by", "orchestrator")
    assert (refused.code, "orchestrator may not release" in refused.err) == (1, True)
    assert orchestrator(twice, "release", "v1", "--dry-run").out == "What serves now would be named v1.\n"
    named = json.loads(orchestrator(twice, "release", "v1", "--by", "ada", "--why", "first", "--json").out)
    (listed,) = json.loads(orchestrator(twice, "releases", "--json").out)
    assert (listed["name"], listed["snapshot"], listed["agent"]) == ("v1", named["snapshot"], "person:ada")
    orchestrator(twice, "rollback", "raw.orders", "--to", "none", "--why", "all wrong")
    assert re.search(r"marts\.totals +table +3 +0 +waiting", orchestrator(twice, "status").out)
    count = ["query", "select count(*) n from marts.totals", "--json"]
    assert orchestrator(twice, *count).out == '[{"n": 0}]\n'
    assert orchestrator(twice, *count, "--release", "v1").out == '[{"n": 2}]\n'
    back = orchestrator(twice, "rollback", "--release", "v1", "--why", "as released")
    assert back.code == 0, back.err
    assert orchestrator(twice, *count).out == '[{"n": 2}]\n'


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["rollback"], 2),
        (["rollback", "raw.orders"], 2),
        (["rollback", "raw.orders", "--to", "x", "--why", "w"], 2),
        (["rollback", "raw.orders", "--to", "9", "--why", "w"], 2),
        (["rollback", "raw.nothing", "--to", "1", "--why", "w"], 2),
        (["rollback", "raw.orders", "--to", "1"], 2),
        (["rollback", "--release", "nothing", "--why", "w"], 2),
        (["rollback", "raw.orders", "--release", "x", "--why", "w"], 2),
        (["release", "../x"], 2),
        (["query", "select 1", "--release", "nothing"], 2),
        (["query", "select 1", "--release", "x", "--snapshot", "2"], 2),
    ],
)
def test_what_cannot_be_is_misuse(orchestrator: Call, told: Path, arguments: list[str], code: int) -> None:
    said = orchestrator(told, *arguments)
    assert (said.code, said.out) == (code, ""), said.err
    assert said.err.startswith("error: ")


def test_at_the_prompt_the_person_there_decides(
    orchestrator: Call, twice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_PERSON", "eve")
    arguments = ("rollback", "raw.orders", "--to", 1, "--why", "wrong")
    refused = orchestrator(twice, *arguments, "--by", "judge")
    assert (refused.code, "judge may not rollback" in refused.err) == (1, True)
    assert orchestrator(twice, *arguments).code == 0
    events = json.loads(orchestrator(twice, "journal", "--json").out)
    assert [event["agent"] for event in events if event["act"] == "rollback"] == ["person:eve"]
