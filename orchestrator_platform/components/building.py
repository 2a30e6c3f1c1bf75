"""Builds the selected tables in one pass through the gate: what all assets but sources have in common."""

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

import dagster as dg

from ..authority.agent_files import Invocation
from ..gate.context import Gate
from ..gate.outcomes import Published
from ..operations.asks import answered_by_start
from ..operations.build import BuildResult, build
from ..operations.component_files import BuiltAttributes
from ..records.keys import AssetKey
from ..settings import load_person
from .component import RecordComponent
from .steps import Made, RunStart, define_assets
from .together import built_with_dbt
from .tree import gate_of

T = TypeVar("T", bound=BuiltAttributes)


class BuiltComponent(RecordComponent[T]):
    """A component that declares one asset, built by `orchestrator build` and in a step of its own, or with the dbt
    tables that it stands between.
    """

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return dg.Definitions(assets=own_step(gate_of(context), self.attributes.asset))


def own_step(gate: Gate, asset: AssetKey) -> list[dg.AssetsDefinition]:
    """Returns the asset's step; none where it is built with the dbt tables."""
    return [] if asset in built_with_dbt(gate) else [build_step(gate, asset)]


def build_step(
    gate: Gate, asset: AssetKey, found: Mapping[AssetKey, dg.AssetSpec] | None = None
) -> dg.AssetsDefinition:
    """Returns the step that builds one asset; `found` is what another library says of some assets."""
    return define_assets(step_name(asset), gate, [gate.assets[asset]], build_selected, found)


def step_name(built: str) -> str:
    """Returns what Dagster calls the step that builds this: it takes letters, digits and underscores."""
    return "build_" + re.sub(r"[^a-z0-9]+", "_", built.lower()).strip("_")


def build_selected(gate: Gate, assets: Sequence[AssetKey], run: RunStart) -> Made:
    """Builds the tables selected in one run together; where a person launched it, that answers what was asked."""
    by_person = run.started is Invocation.MANUAL
    reason = run.reason or ("a person materialized it in Dagster" if by_person else "materialized in Dagster")
    # What launched a run by itself asks for the newest slice only to say that something changed.
    slices = run.slices if by_person else ()

    def work() -> BuildResult:
        return build(
            gate,
            assets,
            reason=reason,
            on_behalf_of=run.name,
            rebuild=run.rebuild,
            started=run.started,
            slices=slices,
        )

    if by_person:
        result = answered_by_start(
            gate, assets, load_person(), run.reason or f"launched in Dagster as {run.name}", work
        )
    else:
        result = work()
    counted = {
        outcome.asset: outcome.counts.model_dump(mode="json", exclude={"n_requests", "n_retries", "n_tokens"})
        for outcome in result.outcomes
        if isinstance(outcome, Published) and outcome.counts is not None
    }
    return Made(result.outcomes, counted)
