"""Builds the selected tables in one pass through the gate: what dbt and Python tables have in common."""

from collections.abc import Sequence

from ..authority.agent_files import Invocation
from ..gate.context import Gate
from ..gate.outcomes import Published
from ..operations.asks import answered_by_start
from ..operations.build import BuildResult, build
from ..records.keys import AssetKey
from ..settings import load_person
from .steps import Made, RunStart


def build_selected(gate: Gate, assets: Sequence[AssetKey], run: RunStart) -> Made:
    """Builds the tables selected in one run together; where a person launched it, that answers what was asked."""
    by_person = run.started is Invocation.MANUAL
    reason = "a person materialized it in Dagster" if by_person else "materialized in Dagster"

    def work() -> BuildResult:
        return build(gate, assets, reason=reason, on_behalf_of=run.name, started=run.started)

    if by_person:
        result = answered_by_start(gate, assets, load_person(), f"launched in Dagster as {run.name}", work)
    else:
        result = work()
    counted = {
        outcome.asset: outcome.counts.model_dump(mode="json", exclude={"n_requests", "n_retries", "n_tokens"})
        for outcome in result.outcomes
        if isinstance(outcome, Published) and outcome.counts is not None
    }
    return Made(result.outcomes, counted)
