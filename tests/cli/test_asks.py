"""`orchestrator asks`, as a person at the prompt sees it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from small_project import FILES, make_project, write_orders

from orchestrator_platform.gate.cycle.asks import Wanted
from orchestrator_platform.operations.asks import ask
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.records.asks import Evidence
from orchestrator_platform.records.keys import AgentName, AssetKey

ASKING = {"agents/maker.md": FILES["agents/maker.md"].replace("[land, build,", "[land, ask, build,")}


def test_a_person_sees_what_is_asked_and_answers(orchestrator: Callable[..., Any], tmp_path: Path) -> None:
    project = make_project(tmp_path, changes=ASKING)
    assert orchestrator(project, "asks").out == "Nothing waits for an answer.\n"
    assert orchestrator(project, "land", "orders", write_orders(project, "a.csv", (1, "ann", 5, "open"))).code == 0
    evidence = [
        Evidence(trigger=name, measured=31, limit=30, says=f"{name} is 31 of 30") for name in ("age", "new_labels")
    ]
    wanted = [Wanted(AssetKey("marts.totals"), each) for each in evidence]
    ask(Platform.open(project=project).gate, AgentName("maker"), wanted, reason="looked")

    listed = json.loads(orchestrator(project, "asks", "--json").out)
    assert [(each["number"], each["trigger"], each["measured"], each["limit"]) for each in listed] == [
        (1, "age", 31.0, 30.0),
        (2, "new_labels", 31.0, 30.0),
    ]
    assert "age is 31 of 30" in orchestrator(project, "asks").out

    planned = orchestrator(project, "asks", "approve", "1", "--dry-run")
    assert (planned.code, planned.out.startswith("marts.totals would be built")) == (0, True)
    agent = orchestrator(project, "asks", "approve", "1", "--by", "judge", "--why", "me", "--json")
    assert (agent.code, json.loads(agent.err)["code"]) == (1, "not_permitted")
    unreasoned = orchestrator(project, "asks", "approve", "1", "--by", "ada")
    assert (unreasoned.code, "needs a reason" in unreasoned.err) == (2, True)

    denied = orchestrator(project, "asks", "deny", "2", "--by", "ada", "--why", "too few")
    assert (denied.code, denied.out) == (0, "Ask 2 (marts.totals) was denied by person:ada\n")
    done = orchestrator(project, "asks", "--json", "approve", "1", "--by", "ada", "--why", "it is time")
    assert (done.code, json.loads(done.out)["outcome"]) == (0, "published version 1")
    assert "ask 1: it is time" in orchestrator(project, "receipt", "marts.totals").out
    assert json.loads(orchestrator(project, "asks", "--json").out) == []
    everything = json.loads(orchestrator(project, "asks", "--all", "--json").out)
    assert [each["state"] for each in everything] == ["done", "denied"]
    again = orchestrator(project, "asks", "approve", "1", "--by", "ada", "--why", "again", "--json")
    assert (again.code, json.loads(again.err)["code"]) == (1, "ask_settled")
