"""`orchestrator alerts`, as a person at the prompt sees it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from receivers import hook
from small_project import make_project, write_orders


def test_a_person_sees_what_was_told_and_tries_the_channels(orchestrator: Callable[..., Any], tmp_path: Path) -> None:
    status = [404]
    with hook(lambda number: status[0]) as received:
        declared = {
            "defs/alerts/defs.yaml": "type: orchestrator_platform.components.AlertsComponent\n"
            f"attributes:\n  channels:\n    - {{kind: log}}\n    - {{kind: webhook, url: '{received.url}'}}\n"
        }
        project = make_project(tmp_path, changes=declared)
        assert orchestrator(project, "alerts").out == "There is nothing that people should know of.\n"
        tried = orchestrator(project, "alerts", "test")
        assert (tried.code, tried.out.splitlines()[0]) == (1, "log: taken")
        assert "status 404" in tried.out

        huge = write_orders(project, "huge.csv", (1, "eve", 5000, "open"))
        assert orchestrator(project, "land", "orders", huge).code == 0
        assert orchestrator(project, "build").code == 1
        shown = orchestrator(project, "alerts")
        assert (shown.code, "failed" in shown.out, "status 404" in shown.out) == (1, True, True)
        status[0] = 204
        assert len(json.loads(orchestrator(project, "alerts", "send", "--dry-run", "--json").out)) == 1
        sent = orchestrator(project, "alerts", "send", "--json")
        assert sent.code == 0
        assert {each["id"] for each in json.loads(sent.out)} == {"rejected:1"}
    assert orchestrator(project, "alerts").code == 0


def test_without_channels_what_people_should_know_is_still_shown(orchestrator: Callable[..., Any], told: Path) -> None:
    listed = json.loads(orchestrator(told, "alerts", "--json").out)
    assert [(each["about"], each["subject"], each["channel"]) for each in listed] == [("rejected", "marts.totals", "")]
    assert orchestrator(told, "alerts", "send").code == 2
