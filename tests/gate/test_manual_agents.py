"""What a manual agent makes is started by a person, never by a sensor."""

from pathlib import Path

import dagster as dg
import pytest
from small_project import FILES, gate_of, make_project, write_orders

from orchestrator_platform.authority.agent_files import Invocation
from orchestrator_platform.authority.permissions import started_by
from orchestrator_platform.cli.build import named_at_prompt
from orchestrator_platform.components.steps import run_start
from orchestrator_platform.errors import NotPermitted
from orchestrator_platform.gate.outcomes import Published, Waiting
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land

MAKER = FILES["agents/maker.md"]
TRAINER = MAKER.replace("maker", "trainer").replace("['*']", "['key:marts/totals']").replace("automatic", "manual")
MANUAL_TOTALS = {
    "agents/trainer.md": TRAINER,
    "agents/maker.md": MAKER.replace("['*']", "['not key:marts/totals']"),
}


def test_what_a_manual_agent_makes_waits_for_a_person(tmp_path: Path) -> None:
    project = make_project(tmp_path, changes=MANUAL_TOTALS)
    land(gate_of(project), "orders", [write_orders(project, "day1.csv", (1, "ada", 10, "open"))])
    with pytest.raises(NotPermitted, match="trainer may not start"):
        build(gate_of(project), ["marts.totals"])
    totals, _ = build(gate_of(project)).outcomes
    assert isinstance(totals, Waiting)
    assert "only a person starts it" in totals.why
    by_person = build(gate_of(project), on_behalf_of="person:ada").outcomes
    assert {type(outcome) for outcome in by_person} == {Published}


def test_an_agent_that_is_named_at_the_prompt_starts_nothing_as_a_person(tmp_path: Path) -> None:
    gate = gate_of(make_project(tmp_path))
    started = {name: started_by(named_at_prompt(gate, name)) for name in ("maker", "ada", "")}
    assert started == {"maker": Invocation.AUTOMATIC, "ada": Invocation.MANUAL, "": Invocation.AUTOMATIC}


def test_a_landing_of_a_manual_agent_copies_nothing_unless_a_person_starts_it(tmp_path: Path) -> None:
    project = make_project(tmp_path, changes={"agents/maker.md": MAKER.replace("automatic", "manual")})
    file = write_orders(project, "day1.csv", (1, "ada", 10, "open"))
    with pytest.raises(NotPermitted):
        land(gate_of(project), "orders", [file])
    assert not list((project / "home/landing").rglob("*.csv"))
    landed = land(gate_of(project), "orders", [file], started=Invocation.MANUAL)
    assert isinstance(landed.landed.outcome, Published)


@pytest.mark.parametrize(
    ("tag", "started"),
    [
        ({}, Invocation.MANUAL),
        ({"dagster/backfill": "b"}, Invocation.MANUAL),
        ({"dagster/sensor_name": "landed"}, Invocation.AUTOMATIC),
        ({"dagster/schedule_name": "daily"}, Invocation.AUTOMATIC),
        ({"dagster/from_automation_condition": "true"}, Invocation.AUTOMATIC),
    ],
)
def test_a_run_says_by_its_tags_who_launched_it(tag: dict[str, str], started: Invocation) -> None:
    assert run_start(dg.DagsterRun(job_name="job", run_id="1", tags=tag)).started is started
