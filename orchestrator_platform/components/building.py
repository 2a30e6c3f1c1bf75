"""Builds the selected tables in one pass through the gate: what dbt and Python tables have in common."""

from collections.abc import Sequence

from ..gate.context import Gate
from ..operations.build import build
from ..records.keys import AssetKey
from .steps import Made, RunStart


def build_selected(gate: Gate, assets: Sequence[AssetKey], run: RunStart) -> Made:
    """Builds the tables selected in one run together."""
    result = build(gate, assets, reason="materialized in Dagster", on_behalf_of=run.name, started=run.started)
    return Made(result.outcomes)
