"""An embedding in Dagster: listed with its checks before anything runs, and materialized through the gate."""

from pathlib import Path

import dagster as dg
import pytest
from embedded_notes import NOTES, gate_of_notes, make_notes, note, write_notes

from orchestrator_platform.components.load import component_assets
from orchestrator_platform.projections.dagster_values import dagster_key
from orchestrator_platform.records.keys import AssetKey

KEY = dagster_key(AssetKey(NOTES))


@pytest.mark.filterwarnings("ignore::dagster.PreviewWarning", "ignore::dagster.BetaWarning")
def test_an_embedding_is_materialized_with_what_was_embedded_and_all_its_checks(tmp_path: Path) -> None:
    folder = make_notes(tmp_path, golden=True)
    write_notes(folder, [note(number) for number in range(40)])
    gate = gate_of_notes(folder)
    assets = list(component_assets(gate))
    (listed,) = (spec for asset in assets for spec in asset.specs if spec.key == KEY)
    assert listed.deps == [dg.AssetDep(dagster_key(AssetKey("marts.notes")))]
    assert "ducklake" in listed.kinds
    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize(assets, instance=instance)
    (made,) = (event for event in run.get_asset_materialization_events() if event.asset_key == KEY)
    shown = {name: value.value for name, value in made.materialization.metadata.items()}
    counted = {name: shown[name] for name in ("embedded", "reused", "recalled", "removed", "truncated", "empty")}
    assert counted == {"embedded": 40, "reused": 0, "recalled": 0, "removed": 0, "truncated": 0, "empty": 0}
    checks = {check.check_name: check.passed for check in run.get_asset_check_evaluations() if check.asset_key == KEY}
    assert checks == dict.fromkeys([*gate.audit_plan(AssetKey(NOTES)).checks, "served"], True)
    assert {"vectors_of_their_texts", "retrieval_ndcg", "near_duplicates"} <= checks.keys()
