"""Jobs that every project has: audit everything again, and bring Dagster's event log up to date."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import dagster as dg

from ..gate.context import Gate
from ..operations.dagster_sync import sync_versions

AUDIT_AGAIN, SYNC_VERSIONS = "audit_again", "sync_versions"


def platform_jobs(gate: Gate) -> Sequence[Any]:
    """Returns the jobs; auditing needs assets."""
    return [_sync_job(gate), *([_audit_job()] if gate.assets else [])]


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
