"""A component may have drift ask a person instead of being remarked on."""

from pathlib import Path

import pytest
from small_project import DBT_FILES, FILES, gate_of, make_project, write_orders

from orchestrator_platform.errors import DefinitionError
from orchestrator_platform.gate.outcomes import Escalated, Published
from orchestrator_platform.operations.approve import approve
from orchestrator_platform.operations.land import land
from orchestrator_platform.records.declarations import DriftAnswer

SMALL = tuple((n, "ada", 1, "open") for n in range(300))
LARGE = tuple((n, "ada", n, "paid") for n in range(300, 900))


@pytest.mark.parametrize("drift", ["warn", "escalate"])
def test_drift_of_a_source_warns_or_asks_a_person(tmp_path: Path, drift: str) -> None:
    defs = FILES["defs/orders/defs.yaml"].rstrip() + f"\n          drift: {drift}\n"
    project = make_project(tmp_path, changes={"defs/orders/defs.yaml": defs})
    land(gate_of(project), "orders", [write_orders(project, "day1.csv", *SMALL)])
    outcome = land(gate_of(project), "orders", [write_orders(project, "day2.csv", *LARGE)]).landed.outcome
    if drift == "warn":
        assert isinstance(outcome, Published)
        assert "drift_categories" in {finding.check for finding in outcome.findings if not finding.passed}
        return
    assert isinstance(outcome, Escalated)
    asked = {finding.check for finding in outcome.verdict.findings if not finding.passed}
    assert "drift_categories" in asked
    done = approve(gate_of(project), outcome.quarantine, approver="ada", reason="the campaign began")
    assert done.receipt.version == 2


def test_a_model_says_in_its_meta_what_drift_leads_to(tmp_path: Path) -> None:
    models = DBT_FILES["dbt/models/models.yml"]
    asks = models.replace("meta: {grain: [status]}", "meta: {grain: [status], drift: escalate}")
    project = make_project(tmp_path, dbt=True, changes={"dbt/models/models.yml": asks})
    answers = {str(key): declaration.drift for key, declaration in gate_of(project).assets.items()}
    assert answers["marts.statuses"] is DriftAnswer.ESCALATE
    assert answers["marts.totals"] is DriftAnswer.WARN
    wrong = models.replace("meta: {grain: [status]}", "meta: {grain: [status], drift: ignore}")
    make_project(tmp_path, dbt=True, changes={"dbt/models/models.yml": wrong})
    with pytest.raises(DefinitionError, match="drift: ignore"):
        gate_of(project)
