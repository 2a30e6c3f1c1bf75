"""A person who launches an asset in Dagster has answered what was asked about it; a sensor has not, and is refused."""

from typing import Any

import dagster as dg
import pytest
from small_project import AGENT_FILES

from orchestrator_platform.components.building import build_selected
from orchestrator_platform.components.load import load_definitions
from orchestrator_platform.components.steps import run_start
from orchestrator_platform.errors import NotPermitted
from orchestrator_platform.gate.cycle.asks import Wanted
from orchestrator_platform.operations.asks import ask, read_asks
from orchestrator_platform.records.asks import Evidence
from orchestrator_platform.records.keys import AgentName, AssetKey

MAKER = AGENT_FILES["agents/maker.md"].replace("[land, build,", "[land, ask, build,")
MANUAL_BEST = {
    "agents/maker.md": MAKER.replace("['*']", "['not key:marts/best']"),
    "agents/trainer.md": MAKER.replace("maker", "trainer")
    .replace("['*']", "['key:marts/best']")
    .replace("automatic", "manual"),
}
BEST = AssetKey("marts.best")
ALERTS = "type: orchestrator_platform.components.AlertsComponent\nattributes:\n  channels: [{kind: log}]\n"


def test_a_launch_by_a_person_is_an_answer_and_one_by_a_sensor_is_refused(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_PERSON", "ada")
    shop.write({**MANUAL_BEST, "shop/defs/alerts/defs.yaml": ALERTS})
    shop.drop("monday.csv", "1,ann,40")
    assert shop.run("raw.orders", "marts.totals").ok
    evidence = Evidence(trigger="age", measured=31, limit=30, says="It is 31 days old.")
    ask(shop.gate, AgentName("trainer"), [Wanted(BEST, evidence)], reason="looked")

    sensors = {sensor.name: sensor for sensor in load_definitions(shop.settings).sensors or ()}
    told = sensors["alerts"].evaluate_tick(dg.build_sensor_context(instance=shop.instance))
    assert (told.run_requests, (told.skip_message or "").startswith("marts.best asked: It is 31 days old.")) == (
        [],
        True,
    )
    assert '"asked:1"' in (shop.settings.home.journal / "alerts.jsonl").read_text()

    sensed = run_start(dg.DagsterRun(job_name="job", run_id="1", tags={"dagster/sensor_name": "late"}))
    with pytest.raises(NotPermitted, match="only a person starts it"):
        build_selected(shop.gate, [BEST], sensed)
    assert [each.state.value for each in read_asks(shop.gate)] == ["open"]

    assert shop.run("marts.best").ok
    (answered,) = read_asks(shop.gate)
    assert (answered.state.value, answered.answered_by, answered.outcome) == (
        "done", "person:ada", "published version 1",
    )  # fmt: skip
    assert answered.reason.startswith("launched in Dagster as dagster run ")
