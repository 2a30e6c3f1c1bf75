"""Ends runs of Dagster whose process is gone without a word, so that nothing waits for them.

What they published stays published; what they did not is asked for again.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

_PROCESS = re.compile(r"(?:Started process for run|Executing steps in process) \(pid: (\d+)\)")
# A process that was started needs a moment to say so.
STARTING_SECONDS = 120.0
# The system tells in whole seconds when it was booted.
_CLOCK_SECONDS = 2.0
_STARTING = (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING)
_QUEUED = dg.DagsterRunStatus.QUEUED


def end_lost_runs(instance: dg.DagsterInstance, first_seen: Mapping[str, float], now: float) -> dict[str, float]:
    """Marks runs as failed whose process is not there any more, or that none was started for.

    Args:
        first_seen: When runs without a process were first seen, in seconds since the epoch, as this returned it before.

    Returns:
        When the runs were first seen that have no process yet.
    """
    waiting = {}
    for run in instance.get_runs(dg.RunsFilter(statuses=[s for s in NOT_FINISHED_STATUSES if s is not _QUEUED])):
        process = _process_of(instance, run.run_id)
        if process is None:
            if run.status not in _STARTING:
                continue
            since = first_seen.get(run.run_id, now)
            if now - since < STARTING_SECONDS:
                waiting[run.run_id] = since
            else:
                _end(instance, run, "no process was started for it")
        elif not _is_alive(*process):
            _end(instance, run, f"its process {process[0]} is gone")
    return waiting


def _end(instance: dg.DagsterInstance, run: dg.DagsterRun, why: str) -> None:
    # It may have come to its end between the two looks.
    found = instance.get_run_by_id(run.run_id)
    if found is not None and not found.is_finished:
        instance.report_run_failed(
            found,
            f"The run was lost: {why}. What it had published is published, and nothing is half-done;"
            " what is left is asked for again.",
        )


def _process_of(instance: dg.DagsterInstance, run_id: str) -> tuple[int, float] | None:
    """Returns the last process that said it works at the run, and when it said so."""
    found = None
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        match = _PROCESS.search(entry.get_dagster_event().message or "")
        if match:
            found = (int(match.group(1)), entry.timestamp)
    return found


def _is_alive(pid: int, since: float) -> bool:
    """Whether the process that had this number then is there still: another may have been given it since."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        began = _booted() + int(fields[18]) / os.sysconf("SC_CLK_TCK")
    except (OSError, StopIteration, IndexError, ValueError):
        return True  # this system does not tell more
    return state not in {"Z", "X"} and began <= since + _CLOCK_SECONDS


def _booted() -> float:
    lines = Path("/proc/stat").read_text(encoding="utf-8").splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("btime "))
