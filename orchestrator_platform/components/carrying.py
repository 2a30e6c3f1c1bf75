"""The run that is launched beside landings and builds what they lead to: it starts while they land, waits for them
inside its step, and builds what is to be built then.

It is one more way to be quick. What it does not build, for whatever reason, is asked for as everything else is.
"""

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence

import dagster as dg

from ..gate.context import Gate
from ..operations.audit import pending_candidate
from ..operations.lineage import assets_below, slow_assets
from ..projections.dagster_values import check_arguments, dagster_key
from ..records.keys import AssetKey
from .conditions import assets_of_runs, is_automatic

CARRIES_TAG = "orchestrator/carries"
# Longer it keeps no process waiting: what is landed later is asked for when it is.
_LONGEST_SECONDS, _RECORDED_SECONDS, _LOOK_SECONDS = 60.0, 10.0, 0.1


def carried_by(gate: Gate, sources: Collection[AssetKey]) -> list[AssetKey]:
    """Returns what is built of these raw tables in one run by itself: no slices, nothing slow, nothing made of them."""
    sliced = {asset for asset, declared in gate.assets.items() if declared.partition is not None}
    apart = sliced | assets_below(gate, sliced) | slow_assets(gate, gate.assets)
    below = assets_below(gate, sources) - apart
    return [asset for asset in gate.assets if asset in below and is_automatic(gate.assets[asset])]


def carry_request(gate: Gate, sources: Collection[AssetKey], instance: dg.DagsterInstance) -> dg.RunRequest | None:
    """Returns the run to launch beside the landings; none where nothing is to be carried, or a run makes some of it."""
    carried = [dagster_key(asset) for asset in carried_by(gate, sources)]
    if not carried or not assets_of_runs(instance).isdisjoint(carried):
        return None
    heads = gate.cut().heads
    versions = {asset: int(heads[asset].version) if asset in heads else 0 for asset in sorted(sources)}
    return dg.RunRequest(asset_selection=carried, tags={CARRIES_TAG: json.dumps(versions)})


def landings_of(run: dg.DagsterRun) -> Mapping[AssetKey, int]:
    """Returns the raw tables that the run waits for, with the versions that served when it was asked for."""
    found: Mapping[str, int] = json.loads(run.tags.get(CARRIES_TAG, "{}"))
    return {AssetKey(asset): version for asset, version in found.items()}


def await_landings(
    gate: Gate,
    instance: dg.DagsterInstance,
    landings: Mapping[AssetKey, int],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Waits until of each raw table a newer version serves or no run lands it any more, a minute at the most."""

    def are_landed() -> bool:
        heads = gate.cut().heads
        left = [asset for asset, version in landings.items() if asset not in heads or heads[asset].version <= version]
        return not left or not _are_landing(instance, left)

    if not are_landed():
        gate.say(f"waits until {', '.join(landings)} is landed")
        _wait(are_landed, _LONGEST_SECONDS, clock, sleep)


def read_parents_again(
    context: dg.AssetExecutionContext,
    landings: Collection[AssetKey],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Lets Dagster name the versions that were read: when the step began, they were not recorded yet."""
    _wait(lambda: not _are_landing(context.instance, landings), _RECORDED_SECONDS, clock, sleep)
    step = context.op_execution_context.get_step_execution_context()
    step.fetch_external_input_asset_version_info()


def tell_of_waiting(gate: Gate, instance: dg.DagsterInstance, assets: Sequence[AssetKey]) -> list[AssetKey]:
    """Tells Dagster once more, outside of the run, of candidates that wait: a check that failed before is no failure of
    a run that did not make it. Returns the other assets.
    """
    waiting = {asset: found for asset in assets if (found := pending_candidate(gate, asset)) is not None}
    for asset, found in waiting.items():
        checks = gate.audit_plan(asset).checks
        for finding in found.verdict.findings if found.verdict else ():
            if finding.check in checks:
                arguments = check_arguments(finding, found.manifest.id)
                instance.report_runless_asset_event(
                    dg.AssetCheckEvaluation(dagster_key(asset), finding.check, **arguments)
                )
    return [asset for asset in assets if asset not in waiting]


def _are_landing(instance: dg.DagsterInstance, landings: Collection[AssetKey]) -> bool:
    return not assets_of_runs(instance).isdisjoint(dagster_key(asset) for asset in landings)


def _wait(
    is_so: Callable[[], bool], longest_seconds: float, clock: Callable[[], float], sleep: Callable[[float], None]
) -> None:
    deadline = clock() + longest_seconds
    while not is_so() and clock() < deadline:
        sleep(_LOOK_SECONDS)
