"""A job and a sensor for each source that pulls: the sensor asks when it is time, the run pulls, landing follows."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import dagster as dg
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES

from ..errors import OrchestratorError
from ..gate.context import Gate
from ..operations.pull import pull
from ..operations.pull_planning import claim_pull
from ..operations.pulling_sources import pulling_sources, source_name
from ..records.declarations import AssetDeclaration, SourceBuild
from ..records.pulls import Pulled
from .steps import run_start

_SHORTEST_SECONDS, _LONGEST_SECONDS = 5, 60


def pull_jobs(gate: Gate) -> Sequence[dg.JobDefinition]:
    """Returns a job for each source that pulls; one that is switched off says how to switch it on."""
    return [_job(gate, declaration) for declaration in pulling_sources(gate)]


def pull_sensors(gate: Gate) -> Sequence[dg.SensorDefinition]:
    """Returns a sensor for each source that pulls and is switched on; none over an overlay, which pulls nothing."""
    if gate.settings.over is not None:
        return []
    return [_sensor(gate, declaration) for declaration in pulling_sources(gate) if _pull_of(declaration).enabled]


def _job_name(declaration: AssetDeclaration) -> str:
    return f"pull_{source_name(declaration).replace('-', '_')}"


def _pull_of(declaration: AssetDeclaration) -> Any:
    assert isinstance(declaration.build, SourceBuild)
    return declaration.build.pull


def _job(gate: Gate, declaration: AssetDeclaration) -> dg.JobDefinition:
    name, source = _job_name(declaration), source_name(declaration)

    @dg.op(name=f"bring_{name.removeprefix('pull_')}")
    def bring(context: dg.OpExecutionContext) -> None:
        start = run_start(context.run)
        told = replace(gate, say=context.log.info)
        try:
            pulled = pull(told, source, on_behalf_of=start.name, started=start.started)
        except OrchestratorError as error:
            # The sensor asks again when it is time; a retry at once would not leave the address alone.
            raise dg.Failure(str(error), metadata={"code": error.code}, allow_retries=False) from error
        context.add_output_metadata(_metadata(pulled))

    @dg.job(
        name=name,
        description=f"Brings new files of {source} into landing, from {_pull_of(declaration).url}. Publishes nothing.",
        executor_def=dg.in_process_executor,
    )
    def pulling() -> None:
        bring()

    return pulling


def _metadata(pulled: Pulled) -> dict[str, Any]:
    numbers = {"files": len(pulled.files), "size_bytes": pulled.size_bytes, "commits": pulled.n_commits}
    said = "; ".join((*pulled.remarks, pulled.why)).strip("; ")
    return {"outcome": pulled.outcome.value, **numbers, **({"why": said} if said else {})}


def _sensor(gate: Gate, declaration: AssetDeclaration) -> dg.SensorDefinition:
    name, source = _job_name(declaration), source_name(declaration)
    every = int(_pull_of(declaration).every.length().total_seconds())

    @dg.sensor(
        name=name,
        job_name=name,
        description=f"Asks {_pull_of(declaration).url} for new files of {source} when it is time.",
        minimum_interval_seconds=min(max(every // 4, _SHORTEST_SECONDS), _LONGEST_SECONDS),
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def ask(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        # All that decides is in the home, where the command line notes its pulls too.
        going = dg.RunsFilter(job_name=name, statuses=IN_PROGRESS_RUN_STATUSES)
        if context.instance.get_runs_count(going):
            return dg.SkipReason(f"{source}: a run pulls it already")
        why = claim_pull(gate, source)
        return dg.SkipReason(f"{source}: {why}") if why else dg.RunRequest()

    return ask
