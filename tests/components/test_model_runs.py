"""A model in Dagster: a person who launches it trains it, and nothing else does."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from small_models import ITEMS, MODEL, gate_of_models, make_models

from orchestrator_platform.components.load import component_assets
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.lake.history import read_receipt
from orchestrator_platform.lake.published import cut_for_readers
from orchestrator_platform.operations.build import build
from orchestrator_platform.projections.dagster_values import dagster_key
from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.records.receipts import Receipt

KEY = dagster_key(AssetKey(MODEL))


def launched(gate: Gate, **tags: str) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(
            list(component_assets(gate)), instance=instance, selection=[KEY], tags=tags, raise_on_error=False
        )


def served(gate: Gate) -> Receipt | None:
    cut = cut_for_readers(gate.layout, 5)
    connection = cut.connect()
    try:
        return read_receipt(connection, AssetKey(MODEL))
    finally:
        connection.close()


def what_failed(run: dg.ExecuteInProcessResult) -> Any:
    (failure,) = run.get_step_failure_events()
    return failure.step_failure_data.user_failure_data


@pytest.mark.filterwarnings("ignore::dagster.PreviewWarning", "ignore::dagster.BetaWarning")
def test_a_run_trains_only_where_a_person_launched_it(tmp_path: Path) -> None:
    gate = gate_of_models(make_models(tmp_path))
    build(gate, [ITEMS])
    for tag in ("sensor_name", "schedule_name", "from_automation_condition"):
        run = launched(gate, **{f"dagster/{tag}": "nightly"})
        assert not run.success
        assert "only a person starts that, by name: `orchestrator train models.late`" in what_failed(run).description
    assert served(gate) is None
    run = launched(gate)
    assert run.success
    receipt = served(gate)
    assert receipt is not None
    assert receipt.reason == "a person materialized it in Dagster"
    checks = {check.check_name for check in run.get_asset_check_evaluations()}
    assert {"trained_as_declared", "one_feature", "champion", "served"} <= checks
    (made,) = run.get_asset_materialization_events()
    assert made.materialization.metadata["n_trials"].value == 3
