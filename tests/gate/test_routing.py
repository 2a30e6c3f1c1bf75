"""Routing through the gate: built with whatever is published, judged by another agent, told by its measures."""

from pathlib import Path
from typing import Any

import pytest
from small_models import MODEL, gate_of_models
from small_project import write_files
from small_scores import SCORES, build_all, copied, make_scores, publish_model, query

from orchestrator_platform.errors import DefinitionError
from orchestrator_platform.gate.cycle import routing
from orchestrator_platform.gate.outcomes import Published, Rejected
from orchestrator_platform.lake.history import read_receipt
from orchestrator_platform.lake.published import cut_for_readers
from orchestrator_platform.operations.measures import read_measures
from orchestrator_platform.operations.rollback import Goal, rollback
from orchestrator_platform.records.keys import AssetKey

ROUTED = "scores.routed"
COMPONENT = """
    type: orchestrator_platform.components.RoutingComponent
    attributes:
      asset: scores.routed
      examples: features.items
      key: [item_id]
      where: late IS NULL
      routes:
        - {name: of acme, where: vendor = 'acme', scores: [scores.late], abstain_below: 0.8}
        - {name: of others, scores: [scores.late]}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_scores(tmp_path_factory.mktemp("routed") / "project", {"defs/routing/defs.yaml": COMPONENT})
    build_all(folder, "features.items", SCORES, ROUTED)
    assert query(folder, f"SELECT DISTINCT outcome, cause FROM {ROUTED}") == [("missing", "scores.late: missing")]
    assert isinstance(publish_model(folder), Published)
    outcomes = build_all(folder, SCORES, ROUTED)
    assert isinstance(outcomes[ROUTED], Published), outcomes[ROUTED]
    return folder


def test_each_row_takes_its_route_and_unsure_ones_are_not_answered_for(made: Path) -> None:
    found = query(
        made,
        f"SELECT r.route, r.outcome, count(*), min(s.confidence) >= 0.8, count(r.predicted) FROM {ROUTED} AS r"
        f" JOIN {SCORES} AS s USING (item_id) GROUP BY ALL ORDER BY ALL",
    )
    told = {(route, outcome): n for route, outcome, n, _, _ in found}
    assert told.keys() == {("of acme", "abstained"), ("of acme", "answered"), ("of others", "answered")}
    assert [(sure, n_predicted) for _, outcome, n, sure, n_predicted in found if outcome == "abstained"] == [(False, 0)]
    outcome = build_all(made, ROUTED, rebuild=True)[ROUTED]
    assert not isinstance(outcome, Published), "the same content is published once"
    gate = gate_of_models(made)
    receipt = read_receipt(cut_for_readers(gate.layout, 10).connect(), AssetKey(ROUTED))
    assert receipt is not None
    measured = read_measures(gate, receipt)
    assert measured["of acme: abstained"] == told["of acme", "abstained"]
    assert measured["of others: by scores.late"] == told["of others", "answered"]


def test_answers_that_are_not_the_scores_are_rejected(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    routed = routing.routed

    def always_sure(*given: Any) -> str:
        return f"(SELECT * REPLACE (coalesce(confidence, 1.0) AS confidence) FROM {routed(*given)})"

    monkeypatch.setattr(routing, "routed", always_sure)
    outcome = build_all(made, ROUTED, rebuild=True)[ROUTED]
    assert isinstance(outcome, Rejected), outcome
    assert "routed_as_declared" in {finding.check for finding in outcome.verdict.findings if not finding.passed}


def test_a_model_that_is_taken_back_answers_no_more(made: Path, tmp_path: Path) -> None:
    folder = copied(made, tmp_path / "project")
    rollback(gate_of_models(folder), Goal(asset=MODEL), why="it was wrong", by="ada")
    build_all(folder, SCORES, ROUTED)
    assert query(folder, f"SELECT DISTINCT outcome, cause FROM {ROUTED}") == [("missing", "scores.late: missing")]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("scores: [scores.late]}", "scores: [scores.early]}"), "scores.early are no scores of this project"),
        (("vendor = 'acme'", "seller = 'acme'"), "cannot be asked of features.items"),
        (("key: [item_id]", "key: [vendor]"), "features.items has the grain"),
        (("key: [item_id]", "key: [item_id, item_id]"), "names a column twice"),
        (("scores: [scores.late]}", "scores: [scores.routed]}"), "scores.routed are no scores of this project"),
        (("scores: [scores.late]}", "scores: [models.late]}"), "models.late are no scores of this project"),
        (("vendor = 'acme'", "\"vendor = 'acme') OR (true\""), "ends before its own end"),
        (("vendor = 'acme'", "seen_at > current_date - 30"), "current_date gives something else each time"),
        (("vendor = 'acme'", "random() > 0.5"), r"the function random\(\) gives something else each time"),
        (("vendor = 'acme'", "(SELECT count(*) FROM range(9)) > 1"), "a query within it"),
    ],
)
def test_a_component_that_cannot_be_is_refused(tmp_path: Path, change: tuple[str, str], problem: str) -> None:
    folder = make_scores(tmp_path, {"defs/routing/defs.yaml": COMPONENT})
    write_files(folder, {"defs/routing/defs.yaml": COMPONENT.replace(*change)})
    with pytest.raises(DefinitionError, match=problem):
        gate_of_models(folder)
