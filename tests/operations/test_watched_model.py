"""A published model is watched and shown: what moved is a warning and an ask, nothing starts by itself, and Dagster has
pictures of what the auditor measured.
"""

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from small_models import FILES, MODEL, PERSON, gate_of_models, items, make_models, write_items

from orchestrator_platform.errors import DefinitionError, NotPermitted
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.gate.outcomes import Published, Rejected, Unchanged
from orchestrator_platform.lake.history import read_receipt
from orchestrator_platform.lake.published import cut_published
from orchestrator_platform.learning.monitoring import measuring
from orchestrator_platform.operations.asks import approve_ask, read_asks
from orchestrator_platform.operations.asset_pages import describe_assets
from orchestrator_platform.operations.audit import audit_again
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.model_pages import read_portrait
from orchestrator_platform.operations.train import train
from orchestrator_platform.records.findings import Finding
from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.records.receipts import Receipt

MONITOR, WATCHED = AssetKey("monitoring.late"), AssetKey(MODEL)
COMPONENT = """
    type: orchestrator_platform.components.MonitorComponent
    attributes:
      asset: monitoring.late
      model: models.late
      reference_days: 10
      min_rows: 100
      limits: {age_days: 60}
"""
ASKING = FILES["agents/maker.md"].replace("[land, build,", "[land, ask, build,")
CHANGES = {"defs/monitors/defs.yaml": COMPONENT, "agents/maker.md": ASKING}


def later(days: int) -> pd.DataFrame:
    """Items of the days after those that the model was made with, of the same population."""
    more = items(days, seed=1, start="2024-06-10")
    return more.assign(item_id=more["item_id"] + 10_000)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose model a person trained: on May, with the first days of June held out."""
    folder = make_models(tmp_path_factory.mktemp("watched"), changes=CHANGES)
    build(gate_of_models(folder))
    train(gate_of_models(folder), [MODEL], reason="first", on_behalf_of=PERSON)
    build(gate_of_models(folder))
    shutil.copytree(folder / "home", folder / "saved")
    return folder


@pytest.fixture
def project(prepared: Path) -> Path:
    shutil.rmtree(prepared / "home")
    shutil.copytree(prepared / "saved", prepared / "home")
    return prepared


Feed = Callable[[pd.DataFrame], Gate]


@pytest.fixture
def feed(project: Path) -> Feed:
    """Gives the project more items beside those of the start, and builds what changed as nobody's start."""

    def feed(more: pd.DataFrame) -> Gate:
        write_items(project, pd.concat([items(), more], ignore_index=True))
        build(gate_of_models(project))
        return gate_of_models(project)

    return feed


def receipt_of(gate: Gate, asset: AssetKey) -> Receipt:
    with closing(cut_published(gate.layout, 10).connect()) as connection:
        receipt = read_receipt(connection, asset)
    assert receipt is not None
    return receipt


def findings(gate: Gate) -> dict[str, Finding]:
    return {finding.check: finding for finding in receipt_of(gate, MONITOR).findings}


def version(gate: Gate, asset: AssetKey) -> int:
    return int(cut_published(gate.layout, 10).heads[asset].version)


def test_what_moved_warns_and_asks_once_and_only_a_persons_answer_trains(feed: Feed, project: Path) -> None:
    gate = feed(later(20).assign(vendor="evil", size=9))
    drift = findings(gate)["input_drift"]
    assert (drift.passed, drift.severity.value, drift.n_failing) == (False, "warn", 2)
    assert {row["feature"] for row in drift.sample} == {"vendor", "size"}
    (asked,) = (each for each in read_asks(gate) if each.evidence.trigger == "drift")
    assert (asked.asset, asked.version, asked.asked_by) == (MODEL, 1, "maker")
    build(gate)
    assert [each.evidence.trigger for each in read_asks(gate)].count("drift") == 1

    for name in ("", "maker", "dagster run 1"):
        with pytest.raises(NotPermitted, match="only a person starts"):
            build(gate, [MODEL], on_behalf_of=name)
    assert version(gate, WATCHED) == 1
    answered = approve_ask(gate, asked.number, by="ada", why="the sizes changed")
    assert (answered.ask.state.value, answered.ask.answered_by) == ("done", PERSON)
    assert answered.result is not None
    assert [outcome.asset for outcome in answered.result.outcomes] == [MODEL]


def test_measures_that_were_not_measured_are_rejected_and_honest_ones_stand(
    feed: Feed, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = feed(later(20))
    assert {check for check, finding in findings(gate).items() if not finding.passed} == set()
    assert findings(gate)["measured_anew"].measured == 0
    assert [each for each in read_asks(gate) if each.evidence.trigger in {"drift", "decay"}] == []
    write_items(project, pd.concat([items(), later(25).assign(size=9)], ignore_index=True))
    gate = gate_of_models(project)
    build(gate, ["features.items"])
    assert [each.check for each in audit_again(gate, MONITOR).verdict.findings if each.blocks] == []

    honest = measuring.measure_model

    def flattered(watching: Any) -> list[dict[str, Any]]:
        rows = honest(watching)
        return [{**row, "value": 0.0, "passed": True} if row["measure"] == "input_drift" else row for row in rows]

    monkeypatch.setattr("orchestrator_platform.gate.watch.measure_model", flattered)
    (result,) = build(gate, [MONITOR]).outcomes
    assert isinstance(result, Rejected)
    assert {finding.check for finding in result.verdict.blocking} == {"measured_anew"}


def test_a_monitor_whose_model_is_not_published_has_no_rows_and_asks_nothing(tmp_path: Path) -> None:
    gate = gate_of_models(make_models(tmp_path, items(10), changes=CHANGES))
    outcomes = {outcome.asset: outcome for outcome in build(gate).outcomes}
    made = outcomes[MONITOR]
    assert isinstance(made, Published)
    assert made.receipt.n_rows == 0
    assert read_asks(gate) == ()
    shown = describe_assets(gate)(made.receipt)
    assert (shown["changed"], "drift" in shown) == ("the first version, with 0 rows", False)
    # It has no rows whatever the examples are.
    write_items(tmp_path, items(10, seed=1))
    again = {outcome.asset: outcome for outcome in build(gate_of_models(tmp_path)).outcomes}[MONITOR]
    assert isinstance(again, Unchanged)
    assert again.verdict is None


def test_what_is_no_model_or_no_feature_cannot_be_watched(tmp_path: Path) -> None:
    wrong = {"defs/monitors/defs.yaml": COMPONENT.replace("models.late", "features.items")}
    with pytest.raises(DefinitionError, match=r"monitors/defs\.yaml:4: watches features\.items, which is no model"):
        gate_of_models(make_models(tmp_path, items(3), changes=wrong))
    wrong = {"defs/monitors/defs.yaml": COMPONENT.rstrip(" ") + "      ignore: [price]\n"}
    with pytest.raises(DefinitionError, match=r"'price' is none of the features of models\.late"):
        gate_of_models(make_models(tmp_path, items(3), changes=wrong))


def test_dagster_shows_what_the_auditor_measured_of_the_model_that_serves(project: Path) -> None:
    gate = gate_of_models(project)
    receipt = receipt_of(gate, WATCHED)
    portrait = read_portrait(gate, gate.assets[WATCHED], receipt)
    found = {finding.check: finding.measured for finding in receipt.findings}
    assert portrait.value == pytest.approx(found["roc_auc"], abs=1e-4)
    assert sum(map(sum, portrait.confusion)) == portrait.n
    assert sum(each.n for each in portrait.calibration) == portrait.n
    means = {each.feature: each.mean for each in portrait.importances}
    assert max(means, key=lambda name: means[name]) == "score"
    assert abs(means["size"]) < 0.05

    shown = dict(describe_assets(gate)(receipt))
    pictures = {name for name, value in shown.items() if "data:image/svg+xml" in str(getattr(value, "value", ""))}
    assert pictures == {"metrics", "calibration_curve", "confusion_matrix", "importance", "publications"}
    assert (shown["champion"], shown["roc_auc"]) == (1, found["roc_auc"])
    assert [record.data["slice"] for record in shown["slices"].value.records] == ["big", "of acme"]
    assert shown["trials"] == 3
    assert any((project / "home/cache/portraits").iterdir())


def test_a_model_that_cannot_be_looked_at_is_shown_with_the_reason(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*args: Any) -> None:
        raise MemoryError("too large")

    monkeypatch.setattr("orchestrator_platform.operations.model_pages.read_portrait", breaks)
    gate = gate_of_models(project)
    shown = dict(describe_assets(gate)(receipt_of(gate, WATCHED)))
    assert "MemoryError: too large" in str(shown["calibration_curve"])
    assert "metrics" in shown
