"""Jobs and sensors that every project has: what arrives is carried through, and Dagster's log is kept up to date."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import dagster as dg

from ..gate.context import Gate
from ..operations.alerts import raise_alerts
from ..operations.dagster_sync import sync_freshness, sync_versions
from ..operations.stale import StaleAssets
from .conditions import BuildSensor, is_automatic
from .landing_sensor import landing_sensor
from .lost_runs import lost_runs_sensor
from .waiting import Patience

AUDIT_AGAIN, SYNC_VERSIONS = "audit_again", "sync_versions"


def platform_jobs(gate: Gate) -> Sequence[Any]:
    """Returns the jobs; auditing needs assets."""
    return [_sync_job(gate), *([_audit_job()] if gate.assets else [])]


def platform_sensors(gate: Gate, patience: Patience) -> Sequence[dg.SensorDefinition]:
    """Returns the sensors: those that start runs (what arrives is landed, what changed is built), and those that start
    none: Dagster's event log is kept up to what the command line publishes and to what becomes late, where a freshness
    is promised; people are told, where the project says whom; runs that died are ended.
    """

    @dg.sensor(
        name="versions",
        description="Reports versions that were published from the command line. Starts no run and publishes nothing.",
        minimum_interval_seconds=15,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def versions(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        projection = sync_versions(replace(gate, say=context.log.info), context.instance)
        return dg.SkipReason("up to date" if projection is None or not projection.lag else projection.error)

    @dg.sensor(
        name="freshness",
        description="Reports what serves for longer than promised. Starts no run and publishes nothing.",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def freshness(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        return dg.SkipReason(sync_freshness(replace(gate, say=context.log.info), context.instance))

    @dg.sensor(
        name="alerts",
        description="Tells people what they should know of, once. Starts no run and publishes nothing.",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        told = raise_alerts(replace(gate, say=context.log.info))
        return dg.SkipReason("; ".join(dict.fromkeys(each.cause.line for each in told))[:2000] or "nothing to tell")

    promised = any(declaration.freshness for declaration in gate.assets.values())
    telling = [versions, *([freshness] if promised else []), *([alerts] if gate.alerts else [])]
    return [*_carrying(gate, patience), *telling, lost_runs_sensor()]


def _carrying(gate: Gate, patience: Patience) -> Sequence[dg.SensorDefinition]:
    landing = landing_sensor(gate, patience)
    tables = any(is_automatic(declaration) for declaration in gate.assets.values())
    return [*([landing] if landing else []), *([BuildSensor(gate, StaleAssets(gate), patience)] if tables else [])]


def _audit_job() -> Any:
    return dg.define_asset_job(
        AUDIT_AGAIN,
        selection=dg.AssetSelection.all_asset_checks(),
        description="Judges every waiting candidate, or else what serves, again. Publishes nothing.",
    )


def _sync_job(gate: Gate) -> dg.JobDefinition:
    @dg.op(name=f"report_{SYNC_VERSIONS}")
    def report(context: dg.OpExecutionContext) -> None:
        sync_versions(replace(gate, say=context.log.info), context.instance)

    @dg.job(
        name=SYNC_VERSIONS,
        description="Reports versions that were published from the command line to Dagster. Publishes nothing.",
        executor_def=dg.in_process_executor,
    )
    def sync() -> None:
        report()

    return sync
