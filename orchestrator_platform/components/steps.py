"""One step of a run: brings assets through the gate, or audits them again, and reports to Dagster."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import dagster as dg

from ..authority.agent_files import Invocation
from ..errors import Misuse, OrchestratorError
from ..gate.context import Gate
from ..gate.outcomes import Outcome, Unchanged
from ..operations.asset_pages import describe_assets
from ..operations.audit import audit_again
from ..operations.dagster_sync import on_behalf_of, sync_versions
from ..operations.freshness import read_freshness
from ..operations.lineage import assets_below
from ..operations.queueing import in_turn
from ..operations.served import read_served
from ..operations.stale import StaleAssets
from ..projections.dagster_values import FRESHNESS, SERVED, dagster_key, platform_key
from ..records.declarations import AssetDeclaration
from ..records.keys import AssetKey
from .carrying import await_landings, landings_of, read_parents_again, tell_of_waiting
from .conditions import build_condition, is_automatic
from .explanations import explain_shortfalls, warnings_of
from .launch_forms import LandForm, MakeForm, filled_in, require_reason
from .outcome_events import Reporting, StepEvent
from .slices import backfills_of, slices_of_run
from .specs import asset_spec, check_specs


@dataclass(frozen=True)
class Made:
    """What a step made: outcomes, and what else a source's materializations show."""

    outcomes: Sequence[Outcome]
    extra: Mapping[AssetKey, Mapping[str, Any]] = field(default_factory=dict)


# What Dagster puts on a run that a sensor, a schedule, a condition or a retry of its own launched.
_AUTOMATIC = ("sensor_name", "schedule_name", "from_automation_condition", "auto_materialize", "retry_number")


@dataclass(frozen=True)
class RunStart:
    """How a publication names the run, whether a person launched it, what was said in the launch form, and which slices
    the run is for, if any.
    """

    name: str
    started: Invocation
    reason: str = ""
    rebuild: bool = False
    slices: tuple[str, ...] = ()


def run_start(run: dg.DagsterRun, form: LandForm | MakeForm | None = None) -> RunStart:
    """Returns how the run was launched, as its tags and the form say; without any tag of Dagster's it was a person.

    Raises:
        Misuse: A full rebuild was asked for without a reason.
    """
    by_itself = any(f"dagster/{tag}" in run.tags for tag in _AUTOMATIC)
    rebuild = isinstance(form, MakeForm) and form.rebuild
    reason = form.reason.strip() if form is not None else ""
    if rebuild:
        require_reason(reason, "A full rebuild")
    return RunStart(on_behalf_of(run.run_id), Invocation.AUTOMATIC if by_itself else Invocation.MANUAL, reason, rebuild)


Make = Callable[[Gate, Sequence[AssetKey], RunStart], Made]
"""Brings these assets through the gate, as part of a run."""


def define_assets(
    name: str,
    gate: Gate,
    declarations: Sequence[AssetDeclaration],
    make: Make,
    found: Mapping[AssetKey, dg.AssetSpec] | None = None,
    form: type[LandForm] | type[MakeForm] = MakeForm,
) -> dg.AssetsDefinition:
    """Returns one step that makes any of these assets; those selected together go through the gate together.
    `found` is what another library says of some of them, `form` what a person may say at the launch.
    """
    known, stale = found or {}, StaleAssets(gate)
    # Of the steps that could be taken, the one for which most assets wait comes first.
    n_waiting = len(assets_below(gate, {declaration.key for declaration in declarations}))

    def spec(declaration: AssetDeclaration) -> dg.AssetSpec:
        condition = build_condition(gate, stale, declaration) if is_automatic(declaration) else None
        return asset_spec(declaration, known.get(declaration.key), condition)

    @dg.multi_asset(
        name=name,
        specs=[spec(declaration) for declaration in declarations],
        check_specs=[check for declaration in declarations for check in check_specs(gate, declaration)],
        can_subset=True,
        config_schema=form.to_fields_dict(),
        backfill_policy=backfills_of(declarations),
        op_tags={"dagster/priority": str(n_waiting)},
    )
    def step(context: dg.AssetExecutionContext) -> Iterator[Any]:
        yield from take_step(context, replace(gate, say=context.log.info), make, form)

    return step


def take_step(
    context: dg.AssetExecutionContext, gate: Gate, make: Make, form: type[LandForm] | type[MakeForm] = MakeForm
) -> Iterator[StepEvent]:
    """Yields what happened, once every run that came earlier is done with these assets.

    Raises:
        dagster.Failure: Something asked for is not served from its present inputs; raised last, so
            that whatever was published is recorded first. Trying again changes nothing.
    """
    assets = [platform_key(key) for key in context.selected_asset_keys]
    try:
        said = filled_in(form, context.op_execution_context.op_config)
        await_landings(gate, context.instance, landings_of(context.run))
        with in_turn(gate, assets, f"run {context.run.run_id[:8]}"):
            yield from _take(context, gate, make, run_start(context.run, said))
    except OrchestratorError as error:
        raise dg.Failure(
            description=str(error), metadata={"code": error.code}, allow_retries=error.retryable
        ) from error


def _take(context: dg.AssetExecutionContext, gate: Gate, make: Make, start: RunStart) -> Iterator[StepEvent]:
    landings = landings_of(context.run)
    if not landings:
        # Those that it was launched beside have yet to record what they published.
        sync_versions(gate, context.instance)
    selected = {platform_key(key) for key in context.selected_asset_keys}
    asked = [asset for asset in gate.assets if asset in selected]
    planned = _planned(context)
    start = replace(start, slices=slices_of_run(context))
    due = [asset for asset in asked if asset in StaleAssets(gate).read()] if landings else asked
    made = make(gate, due, start) if due else Made(())
    if landings:
        read_parents_again(context, landings)
    stand = tell_of_waiting(gate, context.instance, [asset for asset in asked if asset not in due])
    outcomes = (*made.outcomes, *(Unchanged(asset, "nothing that it is made of changed") for asset in stand))
    served = read_served(gate, selected | planned.keys())
    ages = read_freshness(gate, selected | planned.keys())
    reporting = Reporting(
        gate,
        served,
        ages,
        planned,
        _needed_downstream(context, selected),
        describe_assets(gate),
        made.extra,
        start.slices,
    )
    yield from reporting.events(outcomes)
    for asset in asked:
        if asset not in due and asset not in stand:
            yield from reporting.of_served(asset, planned.get(asset, frozenset()))
    for asset in gate.assets:
        if asset in planned and asset not in selected:
            yield from _audit(gate, asset, planned[asset], reporting)
    for text in warnings_of(made.outcomes):
        context.log.warning(text)
    shortfalls = explain_shortfalls(gate, made.outcomes, served)
    if shortfalls:
        raise dg.Failure(description="\n".join(shortfalls), allow_retries=False)


def _audit(gate: Gate, asset: AssetKey, checks: frozenset[str], reporting: Reporting) -> Iterator[StepEvent]:
    """Checks without their asset: the waiting candidate, or what serves, is judged and nothing is published."""
    audits = checks - {SERVED, FRESHNESS}
    if audits:
        again = audit_again(gate, asset)
        gate.say(f"{asset}: {again.subject} was audited, nothing was published")
        lost = audits - {finding.check for finding in again.verdict.findings}
        if lost:
            raise Misuse(f"The audit of {asset} gave no finding for {', '.join(sorted(lost))}.")
        for finding in again.verdict.findings:
            if finding.check in audits:
                yield reporting.result(finding, again.verdict.candidate)
    yield from reporting.of_served(asset, checks)


def _planned(context: dg.AssetExecutionContext) -> Mapping[AssetKey, frozenset[str]]:
    planned: dict[AssetKey, set[str]] = {}
    for check in context.selected_asset_check_keys:
        planned.setdefault(platform_key(check.asset_key), set()).add(check.name)
    return {asset: frozenset(names) for asset, names in planned.items()}


def _needed_downstream(context: dg.AssetExecutionContext, own: set[AssetKey]) -> frozenset[AssetKey]:
    layer = context.job_def.asset_layer
    keys = {dagster_key(asset): asset for asset in own}
    others = layer.executable_asset_keys - keys.keys()
    return frozenset(asset for key, asset in keys.items() if layer.asset_graph.get(key).child_keys & others)
