"""In which groups assets are best built, on the shipped pipeline."""

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator_platform.gate.context import Gate
from orchestrator_platform.operations.lineage import slow_last
from orchestrator_platform.operations.project_assets import load_gate
from orchestrator_platform.records.candidates import AssetKind
from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
VECTORS, DRIFT = AssetKey("embeddings.advisory"), AssetKey("monitoring.exploitation")


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    return load_gate(load_settings(home=tmp_path_factory.mktemp("home"), project=ROOT, environment={}))


def test_what_takes_long_comes_after_what_is_not_made_of_it(gate: Gate) -> None:
    tables = [key for key, declared in gate.assets.items() if declared.kind is not AssetKind.RAW]
    first, last = slow_last(gate, tables)
    assert {VECTORS, DRIFT} <= set(last)
    assert AssetKey("marts.triage") in first
    assert sorted([*first, *last]) == sorted(tables)
    assert not {parent for asset in first for parent in gate.assets[asset].parents} & set(last)
    assert slow_last(gate, [VECTORS]) == [[VECTORS]]
    assert slow_last(gate, []) == []


def test_what_is_published_together_is_built_together(gate: Gate) -> None:
    together = {**gate.assets, VECTORS: replace(gate.assets[VECTORS], atomic="together")}
    triage = AssetKey("marts.triage")
    assert slow_last(replace(gate, assets=together), [VECTORS, DRIFT, triage]) == [[VECTORS, triage], [DRIFT]]
