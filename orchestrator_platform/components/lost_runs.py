"""Ends runs that died without a word, so that none hangs and nothing waits for it."""

import json
import time

import dagster as dg

from ..operations.lost_runs import end_lost_runs


def lost_runs_sensor() -> dg.SensorDefinition:
    """Returns the sensor."""

    @dg.sensor(
        name="lost_runs",
        description="Ends runs whose process is gone: killed, or lost with the machine. Starts no run.",
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def lost_runs(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        waiting = end_lost_runs(context.instance, json.loads(context.cursor or "{}"), time.time())
        says = f"{len(waiting)} runs have no process yet" if waiting else "every run has its process"
        return dg.SensorResult(skip_reason=says, cursor=json.dumps(waiting))

    return lost_runs
