"""Scores: what a published model answers, made incrementally and audited like everything else."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from small_models import ITEMS, MODEL, gate_of_models, items, write_items
from small_project import write_files
from small_scores import (
    QUEUE,
    SCORES,
    SCORES_COMPONENT,
    build_all,
    copied,
    make_scores,
    publish_model,
    query,
    scoring_with,
)

from orchestrator_platform.errors import DefinitionError
from orchestrator_platform.gate import score
from orchestrator_platform.gate.outcomes import Escalated, Failed, Published, Rejected, Unchanged, Waiting
from orchestrator_platform.operations.audit import audit_again
from orchestrator_platform.operations.rollback import Goal, rollback
from orchestrator_platform.records.scores import ScoringCounts
from orchestrator_platform.records.verdicts import Decision


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything is built, and no model is published."""
    folder = make_scores(tmp_path_factory.mktemp("untrained") / "project")
    outcomes = build_all(folder)
    assert {asset: type(outcome) for asset, outcome in outcomes.items()} == {
        ITEMS: Published, MODEL: Waiting, SCORES: Published, QUEUE: Published,
    }  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def scored(untrained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copied(untrained, tmp_path_factory.mktemp("scored") / "project")
    assert isinstance(publish_model(folder), Published)
    outcomes = build_all(folder)
    assert isinstance(outcomes[SCORES], Published), outcomes[SCORES]
    assert isinstance(outcomes[QUEUE], Published)
    return folder


@pytest.fixture
def folder(scored: Path, tmp_path: Path) -> Path:
    """The project with one model published and scored by, to be changed."""
    return copied(scored, tmp_path / "project")


def counts(outcome: Any) -> tuple[int, int, int]:
    assert isinstance(outcome, Published), outcome
    assert isinstance(outcome.counts, ScoringCounts)
    return outcome.counts.scored, outcome.counts.reused, outcome.counts.removed


def failed(outcome: Any) -> set[str]:
    assert isinstance(outcome, Rejected), outcome
    return {finding.check for finding in outcome.verdict.findings if not finding.passed}


def test_without_a_published_model_there_are_no_scores_and_what_reads_them_is_built(untrained: Path) -> None:
    assert query(untrained, f"SELECT count(*) FROM {SCORES}") == [(0,)]
    assert query(untrained, f"SELECT count(*) > 0, count(model_version) FROM {QUEUE}") == [(True, 0)]
    assert query(untrained, f"SELECT count(*) FROM {QUEUE} WHERE source = 'predicted'") == [(0,)]


def test_without_a_published_model_other_rows_build_no_scores(untrained: Path, tmp_path: Path) -> None:
    folder = copied(untrained, tmp_path / "project")
    write_items(folder, items(seed=1))
    outcomes = build_all(folder)
    assert isinstance(outcomes[ITEMS], Published)
    made = outcomes[SCORES]
    assert isinstance(made, Unchanged)
    assert made.verdict is None, "nothing was built that would have to be judged"
    # The first model changes that, over the same rows.
    assert isinstance(publish_model(folder), Published)
    assert isinstance(build_all(folder)[SCORES], Published)


def test_every_row_without_a_label_is_scored_and_the_others_are_not(scored: Path) -> None:
    ((n_due,),) = query(scored, f"SELECT count(*) FROM {ITEMS} WHERE late IS NULL")
    rows = query(
        scored,
        f"SELECT count(*), count(*) FILTER (abs(p_no + p_yes - 1) < 1e-9), min(model_version), max(model_version),"
        f" count(*) FILTER (confidence = CASE predicted WHEN 'yes' THEN p_yes ELSE p_no END) FROM {SCORES}",
    )
    assert rows == [(n_due, n_due, 1, 1, n_due)]
    ((artefact, sha256),) = query(scored, f"SELECT artefact, artefact_sha256 FROM {MODEL}")
    assert query(scored, f"SELECT DISTINCT model_sha256 FROM {SCORES}") == [(sha256,)]
    assert hashlib.sha256(artefact).hexdigest() == sha256
    assert query(scored, f"SELECT count(*) FROM {QUEUE} WHERE source = 'predicted'") == [(n_due,)]


def test_only_new_and_changed_rows_are_scored(folder: Path) -> None:
    ((n_before,),) = query(folder, f"SELECT count(*) FROM {SCORES}")
    examples = items()
    without = examples.index[examples.late.isna()]
    examples.loc[without[0], "score"] = 3.0
    examples.loc[without[1], "late"] = "yes"
    examples.loc[examples.index[examples.late.notna()][:2], "late"] = None
    write_items(folder, examples)
    assert counts(build_all(folder)[SCORES]) == (3, n_before - 2, 1)
    write_items(folder, examples.assign(late=items().late.where(examples.late.isna(), examples.late)))
    outcome = build_all(folder)[SCORES]
    assert isinstance(outcome, Published), outcome
    before = query(folder, f"FROM {SCORES} ORDER BY item_id")
    assert isinstance(build_all(folder, SCORES, rebuild=True)[SCORES], Unchanged)
    assert query(folder, f"FROM {SCORES} ORDER BY item_id") == before


def test_another_model_scores_every_row_and_a_rollback_takes_scores_and_what_is_made_of_them_back(
    folder: Path,
) -> None:
    first = {name: query(folder, f"FROM {name} ORDER BY item_id") for name in (SCORES, QUEUE)}
    assert isinstance(publish_model(folder, c=0.01), Published)
    outcomes = build_all(folder)
    assert counts(outcomes[SCORES]) == (len(first[SCORES]), 0, 0)
    assert query(folder, f"SELECT DISTINCT model_version FROM {QUEUE} WHERE source = 'predicted'") == [(2,)]
    rollback(gate_of_models(folder), Goal(asset=MODEL, version=1), why="the first was better", by="ada")
    assert {name: query(folder, f"FROM {name} ORDER BY item_id") for name in first} == first
    after = build_all(folder)
    assert isinstance(after[SCORES], Unchanged), after[SCORES]
    assert isinstance(after[QUEUE], Unchanged), after[QUEUE]


def test_a_withdrawn_model_leaves_no_scores_behind(folder: Path) -> None:
    rollback(gate_of_models(folder), Goal(asset=MODEL), why="it learned from the wrong table", by="ada")
    assert query(folder, f"SELECT count(*) FROM {SCORES}") == [(0,)]
    assert query(folder, f"SELECT count(*) FROM {QUEUE} WHERE source = 'predicted'") == [(0,)]
    build_all(folder)
    assert query(folder, f"SELECT count(*) FROM {SCORES}") == [(0,)]


def test_scores_that_serve_are_judged_again_over_the_rows_that_they_were_made_from(folder: Path) -> None:
    write_items(folder, items().assign(score=lambda frame: frame.score + 1))
    build_all(folder, ITEMS)
    again = audit_again(gate_of_models(folder), SCORES)
    assert again.verdict.decision is Decision.APPROVE, [f for f in again.verdict.findings if not f.passed]


def out_of_range(frame: pd.DataFrame) -> pd.DataFrame:
    frame.loc[3, ["p_no", "p_yes"]] = [-0.5, 1.5]
    return frame


def not_summing(frame: pd.DataFrame) -> pd.DataFrame:
    frame.loc[3, "p_no"] = frame.loc[3, "p_no"] / 2
    return frame


def not_a_number(frame: pd.DataFrame) -> pd.DataFrame:
    frame.loc[3, ["p_no", "p_yes", "confidence"]] = float("nan")
    return frame


def called_otherwise(frame: pd.DataFrame) -> pd.DataFrame:
    frame["predicted"] = frame.predicted.map({"yes": "no", "no": "yes"})
    frame["confidence"] = frame.p_yes.where(frame.predicted == "yes", frame.p_no)
    return frame


def one_left_out(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[1:]


def one_twice(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame.iloc[:1]])


def of_other_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Every row gets the answer that another one was given."""
    own = ["p_no", "p_yes", "predicted", "confidence"]
    frame[own] = frame[own].sample(frac=1, random_state=1).to_numpy()
    return frame.astype({"p_no": float, "p_yes": float, "confidence": float})


DEFECTS: dict[Callable[[pd.DataFrame], pd.DataFrame], set[str]] = {
    out_of_range: {"probabilities"},
    not_summing: {"probabilities"},
    not_a_number: {"probabilities"},
    called_otherwise: {"scored_anew"},
    one_left_out: {"coverage"},
    one_twice: {"coverage"},
    of_other_rows: {"scored_anew"},
}


@pytest.mark.parametrize("plant", DEFECTS, ids=lambda plant: plant.__name__)
def test_a_planted_defect_is_rejected_by_name(
    scored: Path, monkeypatch: pytest.MonkeyPatch, plant: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    before = query(scored, f"FROM {SCORES} ORDER BY item_id")
    monkeypatch.setattr(score, "run_fresh", scoring_with(plant))
    assert DEFECTS[plant] <= failed(build_all(scored, SCORES, rebuild=True)[SCORES])
    assert query(scored, f"FROM {SCORES} ORDER BY item_id") == before


def test_scores_by_another_model_than_the_published_one_are_rejected(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_model = score.read_model

    def read_another(*given: Any) -> Any:
        row, artefact = read_model(*given)
        other = artefact + b"\0"
        return row.model_copy(update={"artefact_sha256": hashlib.sha256(other).hexdigest()}), other

    monkeypatch.setattr(score, "read_model", read_another)
    assert "by_the_published_model" in failed(build_all(folder, SCORES, rebuild=True)[SCORES])


def test_scores_of_values_that_rows_had_before_are_rejected(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_items(folder, items().assign(score=lambda frame: frame.score + 1))
    build_all(folder, ITEMS)
    monkeypatch.setattr(score, "inputs_hash", lambda _: "'always the same' AS inputs_hash")
    assert "by_the_published_model" in failed(build_all(folder, SCORES)[SCORES])


def test_a_jump_of_the_scores_asks_a_person_where_the_component_says_so(folder: Path) -> None:
    asks = SCORES_COMPONENT.replace("where: late IS NULL", "drift: escalate")
    write_files(folder, {"defs/scores/defs.yaml": asks})
    assert isinstance(build_all(folder, SCORES)[SCORES], Published | Escalated)
    write_items(folder, items().assign(score=lambda frame: frame.score + 3))
    outcomes = build_all(folder, ITEMS, SCORES)
    outcome = outcomes[SCORES]
    assert isinstance(outcome, Escalated), outcome
    (finding,) = (finding for finding in outcome.verdict.findings if finding.check == "drift_scores")
    assert not finding.passed
    assert "population stability index" in finding.message


def test_an_artefact_that_the_row_does_not_name_is_not_scored_with(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_model = score.read_model
    monkeypatch.setattr(score, "read_model", lambda *given: (read_model(*given)[0], b"another"))
    outcome = build_all(folder, SCORES, rebuild=True)[SCORES]
    assert isinstance(outcome, Failed)
    assert "its artefact is not the one that its row names" in outcome.message


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("models.late", "models.early"), "models.early is no model of this project"),
        (("key: [item_id]", "key: [vendor]"), "the key is \\[vendor\\]"),
        (("late IS NULL", "lateness IS NULL"), "cannot be asked of features.items"),
        (("late IS NULL", "item_id IN (SELECT 1)"), "a query within it"),
        (("features.items", "features.nothing"), "reads features.nothing, and nothing declares it"),
    ],
)
def test_a_component_that_cannot_be_is_refused_with_its_line(
    tmp_path: Path, change: tuple[str, str], problem: str
) -> None:
    folder = make_scores(tmp_path, changes={"defs/scores/defs.yaml": SCORES_COMPONENT.replace(*change)})
    with pytest.raises(DefinitionError, match=problem) as refused:
        gate_of_models(folder)
    assert "defs/scores/defs.yaml:" in str(refused.value)
