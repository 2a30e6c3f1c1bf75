"""When tables, embeddings, features, scores and monitors are built by themselves: where the gate would build them now.

Dagster only asks. The gate's plan knows the data versions that serve, what was rejected and what waits for a person, so
that nothing is asked for that it would answer with "unchanged" or "held".
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions import automation_condition_sensor_definition as dagster_sensors
from pydantic import ValidationError

from ..gate.context import Gate
from ..operations.backoff import Tried, try_again
from ..operations.lineage import assets_above, slow_assets, waits_for_long
from ..operations.stale import StaleAssets
from ..projections.dagster_values import dagster_key, platform_key
from ..records.candidates import AssetKind
from ..records.declarations import AssetDeclaration
from ..records.keys import AssetKey
from .waiting import Patience

BUILD = "build"
# What failed without a verdict is looked at again, although nothing else changed.
_LOOK_AGAIN_SECONDS = 10.0


class WouldBeBuilt(dg.AutomationCondition[dg.AssetKey]):
    """True where the gate would build the asset from what serves now."""

    def __init__(self, stale: StaleAssets) -> None:
        self._stale = stale

    @property
    def name(self) -> str:
        return "the gate would build it"

    @property
    def description(self) -> str:
        return "A parent serves another data version, or code, contract or a check changed; not rejected before"

    def evaluate(self, context: "dg.AutomationContext[dg.AssetKey]") -> "dg.AutomationResult[dg.AssetKey]":
        is_stale = platform_key(context.key) in self._stale.read()
        return dg.AutomationResult(context, context.candidate_subset if is_stale else context.get_empty_subset())


class NotJustTried(dg.AutomationCondition[dg.AssetKey]):
    """True where what the asset would be built from was not asked for before, or long enough ago. It comes last in a
    condition: where it is true, the asset is asked for.
    """

    def __init__(self, stale: StaleAssets) -> None:
        self._stale = stale

    @property
    def name(self) -> str:
        return "not just tried"

    @property
    def description(self) -> str:
        return "The same inputs were not asked for, or did not come on and have waited for another try"

    def evaluate(self, context: "dg.AutomationContext[dg.AssetKey]") -> "dg.AutomationResult[dg.AssetKey]":
        nothing = context.get_empty_subset()
        stale = self._stale.read().get(platform_key(context.key))
        if stale is None:
            return dg.AutomationResult(context, nothing)
        if context.candidate_subset.is_empty:
            return dg.AutomationResult(context, nothing, cursor=context.cursor)
        before, now = _read_tried(context.cursor), context.evaluation_time.timestamp()
        tried = try_again(before, stale.inputs, now)
        if tried is None:
            context.log.info(f"{stale.asset}: {stale.why}; {before.says(now) if before else ''}")
            return dg.AutomationResult(context, nothing, cursor=context.cursor)
        context.log.info(f"{stale.asset}: {stale.why}")
        return dg.AutomationResult(context, context.candidate_subset, cursor=tried.canonical_json())


class NothingAboveMoves(dg.AutomationCondition[dg.AssetKey]):
    """True where no run is making any of these assets, and the tick that goes on asks for none of them."""

    def __init__(self, above: Collection[AssetKey]) -> None:
        self._above: frozenset[object] = frozenset(dagster_key(asset) for asset in above)

    @property
    def name(self) -> str:
        return "nothing that it is made of is on its way"

    @property
    def description(self) -> str:
        return "Slices are made in runs of their own, which would otherwise start anew for each parent that comes"

    def evaluate(self, context: "dg.AutomationContext[dg.AssetKey]") -> "dg.AutomationResult[dg.AssetKey]":
        nothing = context.get_empty_subset()
        if context.candidate_subset.is_empty:
            return dg.AutomationResult(context, nothing)
        asked: set[object] = {key for key, subset in context.request_subsets_by_key.items() if not subset.is_empty}
        asked |= assets_of_runs(context.asset_graph_view.instance)
        return dg.AutomationResult(context, nothing if self._above & asked else context.candidate_subset)


class NothingAboveIsBuilt(dg.AutomationCondition[dg.AssetKey]):
    """True where no run is making any of these assets that is to be built."""

    def __init__(self, stale: StaleAssets, above: Collection[AssetKey]) -> None:
        self._stale, self._above = stale, frozenset(above)

    @property
    def name(self) -> str:
        return "nothing that it is made of is being built"

    @property
    def description(self) -> str:
        return "What takes long is built once, when all that it is made of is there"

    def evaluate(self, context: "dg.AutomationContext[dg.AssetKey]") -> "dg.AutomationResult[dg.AssetKey]":
        nothing = context.get_empty_subset()
        if context.candidate_subset.is_empty:
            return dg.AutomationResult(context, nothing)
        built = being_built(self._stale, assets_of_runs(context.asset_graph_view.instance))
        return dg.AutomationResult(context, nothing if self._above & built else context.candidate_subset)


def _read_tried(cursor: str | None) -> Tried | None:
    try:
        return Tried.model_validate_json(cursor) if cursor else None
    except ValidationError:
        return None


def is_automatic(declaration: AssetDeclaration) -> bool:
    """Whether conditions build the asset: raw tables are asked for by their files, models by people."""
    return declaration.kind not in {AssetKind.RAW, AssetKind.MODEL}


def build_condition(
    gate: Gate, stale: StaleAssets, declaration: AssetDeclaration
) -> "dg.AutomationCondition[dg.AssetKey]":
    """Returns when an asset is built by itself. Of a partitioned one the newest slice stands for all that lack."""
    # What the plan excludes costs no question to Dagster's storage.
    condition: dg.AutomationCondition[dg.AssetKey] = (
        WouldBeBuilt(stale) & dg.AutomationCondition.in_latest_time_window() & ~dg.AutomationCondition.in_progress()
    )
    above = _made_in_other_runs(gate, declaration)
    if above:
        condition &= NothingAboveMoves(above)
    elif waits_for_long(gate, declaration.key):
        condition &= NothingAboveIsBuilt(stale, assets_above(gate, {declaration.key}))
    return condition & NotJustTried(stale)


def _made_in_other_runs(gate: Gate, declaration: AssetDeclaration) -> set[AssetKey]:
    """Dagster makes slices in runs of their own, so that what is above them is made in another run."""
    in_slices = declaration.partition is not None
    others = {parent for parent in declaration.parents if in_slices or gate.assets[parent].partition is not None}
    return others | assets_above(gate, others)


class BuildSensor(dg.AutomationConditionSensorDefinition):
    """Asks for everything that is to be built, in one run. It waits in its tick until there is something to ask for, so
    that a publication is followed at once, and evaluates nothing while nothing changes.
    """

    def __init__(self, gate: Gate, stale: StaleAssets, patience: Patience) -> None:
        keys = [dagster_key(asset) for asset, declared in gate.assets.items() if is_automatic(declared)]
        # Dagster bounds how many conditions a code server evaluates, because its own ask the event log for each.
        dagster_sensors.MAX_ENTITIES = max(dagster_sensors.MAX_ENTITIES, len(keys))
        super().__init__(
            BUILD,
            target=dg.AssetSelection.assets(*keys),
            description="Builds what changed, as soon as what it is made of is published. Models wait for a person.",
            default_status=dg.DefaultSensorStatus.RUNNING,
            minimum_interval_seconds=1,
            emit_backfills=False,
            use_user_code_server=True,
        )
        self._given = (gate, stale, patience)
        slow = slow_assets(gate, gate.assets)
        self._looks = _Looks(stale, {asset: frozenset(assets_above(gate, {asset})) for asset in slow})

    def with_attributes(self, **changes: object) -> "BuildSensor":  # noqa: ARG002 - it has no jobs and is not renamed
        return BuildSensor(*self._given)

    def evaluate_tick(self, context: dg.SensorEvaluationContext):  # type: ignore[no-untyped-def]  # no public name
        _, _, patience = self._given
        if any(patience.until(lambda: self._looks.due(context.instance, patience))):
            return super().evaluate_tick(context)
        skipped = dg.SensorDefinition(self.name, evaluation_fn=lambda _: dg.SkipReason("nothing is to be built"))
        return skipped.evaluate_tick(context)


@dataclass
class _Looks:
    """What the last evaluation looked at: the home, and the runs that were going on. `above` says of what is slow what
    it is made of.
    """

    stale: StaleAssets
    above: Mapping[AssetKey, frozenset[AssetKey]]
    seen: object = None
    at: float = 0.0

    def due(self, instance: dg.DagsterInstance, patience: Patience) -> bool:
        """Whether there is something to ask for that the last evaluation did not see as it is now."""
        stale = self.stale.read()
        if not stale:
            return False
        runs = unfinished_runs(instance)
        built = being_built(self.stale, {key for run in runs for key in run.asset_selection or ()})
        if all(asset in built or self.above.get(asset, frozenset()) & built for asset in stale):
            return False
        state = (self.stale.state(), frozenset(run.run_id for run in runs))
        now = patience.clock()
        if state == self.seen and 0 <= now - self.at < _LOOK_AGAIN_SECONDS:
            return False
        self.seen, self.at = state, now
        return True


def being_built(stale: StaleAssets, made: Collection[object]) -> frozenset[AssetKey]:
    """Returns what is to be built and is among what runs are making."""
    return frozenset(asset for asset in stale.read() if dagster_key(asset) in made)


def assets_of_runs(instance: dg.DagsterInstance) -> frozenset[object]:
    """Returns what the runs that have not ended were launched for."""
    return frozenset(key for run in unfinished_runs(instance) for key in run.asset_selection or ())


def unfinished_runs(instance: dg.DagsterInstance) -> Sequence[dg.DagsterRun]:
    """Returns the runs that were launched and have not ended."""
    from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

    return instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES))
