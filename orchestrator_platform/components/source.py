"""A source of files as an asset: its raw table, filled by landing what waits in its folder."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from pydantic import BaseModel

from ..gate.context import Gate
from ..gate.outcomes import Held, Unchanged
from ..operations.audit import pending_candidate
from ..operations.component_files import SourceAttributes
from ..operations.land import LandResult, land
from ..records.declarations import SourceBuild
from ..records.keys import AssetKey
from .component import RecordComponent
from .launch_forms import LandForm
from .scaffolding import SourceScaffolder
from .steps import Made, RunStart, define_assets
from .tree import gate_of


@dg.scaffold_with(SourceScaffolder)
class SourceComponent(RecordComponent[SourceAttributes]):
    """Files of one kind become a raw table: found in landing, read under a contract, audited, published."""

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return SourceAttributes

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return dg.Definitions(assets=[source_assets(gate_of(context), self.attributes)])


def source_assets(gate: Gate, attributes: SourceAttributes) -> dg.AssetsDefinition:
    """Returns the step that lands one source."""
    declaration = gate.assets[attributes.asset]
    return define_assets(f"land_{attributes.name.replace('-', '_')}", gate, [declaration], _land, form=LandForm)


def _land(gate: Gate, assets: Sequence[AssetKey], run: RunStart) -> Made:
    (asset,) = assets
    build = gate.assets[asset].build
    assert isinstance(build, SourceBuild)
    reason = run.reason or "materialized in Dagster"
    result = land(gate, build.name, reason=reason, on_behalf_of=run.name, started=run.started)
    for name, why in result.landed.waiting:
        gate.say(f"{name} waits in landing: {why}")
    return Made((_held_or(gate, result),), {asset: _counts(result)})


def _held_or(gate: Gate, result: LandResult) -> Any:
    """Files that wait for a rejected candidate are not the same as no files."""
    outcome = result.landed.outcome
    if isinstance(outcome, Unchanged) and result.landed.waiting and pending_candidate(gate, outcome.asset):
        return Held(
            outcome.asset, "its files were landed before and their candidate was rejected, or waits for a person"
        )
    return outcome


def _counts(result: LandResult) -> Mapping[str, Any]:
    ledger = result.landed.ledger
    return {
        "files": len(ledger),
        "rows_read": sum(entry.n_rows for entry in ledger),
        "rows_quarantined": sum(entry.n_quarantined for entry in ledger),
        "rows_duplicate": sum(entry.n_duplicate for entry in ledger),
        "files_waiting": len(result.landed.waiting),
        **({"columns_kept_aside": ", ".join(result.landed.extra_columns)} if result.landed.extra_columns else {}),
    }
