"""`orchestrator approve`, as a person at the prompt sees it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from small_project import FILES, make_project, write_orders

from orchestrator_platform.settings import load_person


def test_a_person_is_shown_what_waits_and_lets_it_in(orchestrator: Callable[..., Any], tmp_path: Path) -> None:
    checks = "          checks: [{name: large, file: large.sql, severity: escalate}]\n"
    asks = {
        "defs/orders/defs.yaml": FILES["defs/orders/defs.yaml"].rstrip() + "\n" + checks,
        "defs/orders/large.sql": "SELECT * FROM raw.orders WHERE amount > 100",
    }
    project = make_project(tmp_path, changes=asks)
    assert orchestrator(project, "land", "orders", write_orders(project, "a.csv", (1, "ann", 500, "open"))).code == 1
    assert "approve with: orchestrator approve 1 --why TEXT" in orchestrator(project, "quarantine", "show", "1").out

    planned = orchestrator(project, "approve", "1", "--by", "ada", "--dry-run")
    assert (planned.code, "approved by person:ada" in planned.out, "large" in planned.out) == (0, True, True)
    unreasoned = orchestrator(project, "approve", "1")
    assert (unreasoned.code, "needs a reason" in unreasoned.err) == (2, True)
    agent = orchestrator(project, "approve", "1", "--by", "judge", "--why", "me", "--json")
    assert (agent.code, json.loads(agent.err)["code"]) == (1, "not_permitted")

    done = orchestrator(project, "approve", "1", "--as", "ada", "--why", "checked", "--json")
    assert (done.code, json.loads(done.out)["receipt"]["approval"]["approver"]) == (0, "person:ada")
    shown = orchestrator(project, "receipt", "raw.orders").out
    assert "person:ada" in shown
    assert "checked" in shown
    again = orchestrator(project, "approve", "1", "--why", "again", "--json")
    assert (again.code, json.loads(again.err)["code"]) == (1, "already_settled")


def test_the_person_is_named_by_the_environment_or_else_by_the_operating_system() -> None:
    assert load_person({"ORCHESTRATOR_PERSON": "ada"}) == "ada"
    assert load_person({"USER": "somebody-else"}) == load_person({}) != ""
