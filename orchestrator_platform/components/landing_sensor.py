"""Asks for a landing as soon as files have arrived whole: one run for each source that has some, and one beside them
that builds what they lead to.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import dagster as dg
from pydantic import TypeAdapter, ValidationError

from ..gate.context import Gate
from ..operations.file_events import FileEvents
from ..operations.landable import Answer, Asked, Landable, answer, automatic_sources, find_landable
from ..projections.dagster_values import dagster_key
from ..records.declarations import AssetDeclaration
from ..records.keys import AssetKey
from .carrying import carried_by, carry_request
from .conditions import unfinished_runs
from .waiting import Patience

LANDING = "landing"
SOURCE_TAG = "orchestrator/source"
_REMEMBERED = TypeAdapter(dict[str, Asked])
# What arrives together is landed together: so long is waited for more.
_TOGETHER_SECONDS = 1.0
_SETTLING_SECONDS, _BUSY_SECONDS = 0.1, 0.5


def landing_sensor(gate: Gate, patience: Patience) -> dg.SensorDefinition | None:
    """Returns the sensor; `None` where no source may be landed by itself."""
    sources = list(automatic_sources(gate))
    if not sources:
        return None
    keys = [source.key for source in sources]

    @dg.sensor(
        name=LANDING,
        description="Lands what arrives in the landing folders, as soon as it is whole, and builds what it leads to.",
        target=dg.AssetSelection.assets(*(dagster_key(asset) for asset in (*keys, *carried_by(gate, keys)))),
        minimum_interval_seconds=1,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def landing(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        look = _Look(replace(gate, say=context.log.info), sources, _read_cursor(context.cursor), context.instance)
        answers = look.wait(patience)
        asked = {name: found.asked for name, found in answers.items() if found.asked is not None}
        cursor = _REMEMBERED.dump_json(asked).decode()
        says = "; ".join(found.says for found in answers.values() if found.says) or "nothing new in landing"
        wanted = [source for source in sources if answers[_name(source)].ask]
        if not wanted:
            return dg.SensorResult(skip_reason=says[:2000], cursor=cursor)
        context.log.info(says)
        carrying = carry_request(gate, [source.key for source in wanted], context.instance)
        requests = [*(_request(source) for source in wanted), *([carrying] if carrying else [])]
        return dg.SensorResult(run_requests=requests, cursor=cursor)

    return landing


def _request(source: AssetDeclaration) -> dg.RunRequest:
    return dg.RunRequest(asset_selection=[dagster_key(source.key)], tags={SOURCE_TAG: _name(source)})


def _name(source: AssetDeclaration) -> str:
    return source.build.name  # type: ignore[union-attr]  # only sources are here


def _read_cursor(cursor: str | None) -> Mapping[str, Asked]:
    try:
        return _REMEMBERED.validate_json(cursor) if cursor else {}
    except (ValidationError, json.JSONDecodeError):
        return {}


@dataclass(frozen=True)
class _Look:
    """One tick: `before` is what was asked for in the ticks before."""

    gate: Gate
    sources: Sequence[AssetDeclaration]
    before: Mapping[str, Asked]
    instance: dg.DagsterInstance

    def wait(self, patience: Patience) -> Mapping[str, Answer]:
        """Returns what to ask for, as soon as there is something, at the latest when the tick is over."""
        with FileEvents(self.gate.settings.home.landing) as events:
            deadline = patience.clock() + patience.seconds
            while True:
                found = [find_landable(self.gate, source) for source in self.sources]
                now = patience.clock()
                answers = {each.source: self._answer(each, now) for each in found}
                settling = any(each.settling for each in found)
                if any(each.ask for each in answers.values()):
                    deadline = min(deadline, now + _TOGETHER_SECONDS) if settling else now
                if now >= deadline or patience.is_stopped():
                    return answers
                waits = any(each.waits for each in answers.values())
                pause = _SETTLING_SECONDS if settling else _BUSY_SECONDS if waits else deadline - now
                patience.rest(events, min(deadline - now, pause))

    def _answer(self, found: Landable, now: float) -> Answer:
        busy = _landing_runs(self.instance, found.asset) if found.ready else ()
        return answer(found, self.before.get(found.source), now, busy)


def _landing_runs(instance: dg.DagsterInstance, asset: AssetKey) -> Sequence[str]:
    key = dagster_key(asset)
    return [f"run {run.run_id[:8]}" for run in unfinished_runs(instance) if key in (run.asset_selection or ())]
