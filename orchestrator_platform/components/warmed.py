"""Imported by the process that runs are forked from: whatever a run imports is imported here, once.

The project's own modules are forgotten again, so that every run reads them as they are then. Nothing here may stop that
process: a run that finds something missing imports it.
"""

import signal
import sys
import traceback
import warnings
from importlib import import_module
from pathlib import Path

import dagster as dg

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def warm_up() -> None:
    """Loads the project around the working folder, and runs a job that does nothing."""
    from ..settings import load_settings
    from .load import load_definitions

    known = set(sys.modules)
    settings = load_settings()
    load_definitions(settings)
    # What the first statement with a bound value imports, and what hands over frames.
    for needed in ("pandas", "pyarrow.dataset"):
        import_module(needed)
    with dg.DagsterInstance.ephemeral() as instance:
        _nothing().execute_in_process(instance=instance, run_config=_QUIET)
    for name in set(sys.modules) - known:
        file = getattr(sys.modules[name], "__file__", None)
        if file and settings.project.defs in Path(file).resolve().parents:
            del sys.modules[name]


def _nothing() -> dg.JobDefinition:
    @dg.op
    def nothing() -> None:
        return

    @dg.job(executor_def=dg.in_process_executor)
    def start() -> None:
        nothing()

    return start


try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warm_up()
except Exception:  # noqa: BLE001  # whatever it is, runs start without it
    traceback.print_exc(file=sys.stderr)
finally:
    # Dagster's own receiver tells of the end as of an error; runs have receivers of their own.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
