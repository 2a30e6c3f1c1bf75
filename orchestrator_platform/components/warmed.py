"""Imported by the process that runs are forked from: what a run imports and loads is imported and loaded here, once.

The project's own modules are forgotten again, so that a run that finds one of its files changed reads them as they are
then. Nothing here may stop that process: a run that finds something missing imports it.
"""

import gc
import signal
import sys
import traceback
import warnings
from importlib import import_module
from pathlib import Path

import dagster as dg

from .warm import Loaded

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def warm_up() -> Loaded:
    """Loads the project around the working folder, and runs a job that does nothing."""
    from ..operations.definition_state import definition_state
    from ..settings import load_settings
    from .load import load_definitions

    known = set(sys.modules)
    settings = load_settings()
    # Looked at first: what is written meanwhile counts as changed.
    loaded = Loaded(settings, definition_state(settings), load_definitions(settings))
    if loaded.definitions.assets:
        loaded.definitions.resolve_implicit_global_asset_job_def()
    # What the first statement with a bound value imports, and what hands over frames.
    for needed in ("pandas", "pyarrow.dataset"):
        import_module(needed)
    with dg.DagsterInstance.ephemeral() as instance:
        _nothing().execute_in_process(instance=instance, run_config=_QUIET)
    for name in set(sys.modules) - known:
        file = getattr(sys.modules[name], "__file__", None)
        if file and settings.project.defs in Path(file).resolve().parents:
            del sys.modules[name]
    return loaded


def _nothing() -> dg.JobDefinition:
    @dg.op
    def nothing() -> None:
        return

    @dg.job(executor_def=dg.in_process_executor)
    def start() -> None:
        nothing()

    return start


loaded: Loaded | None = None
try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = warm_up()
except Exception:  # noqa: BLE001  # whatever it is, runs start without it
    traceback.print_exc(file=sys.stderr)
finally:
    # Dagster's own receiver tells of the end as of an error; runs have receivers of their own.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # What is here stays: no run has to look through it for garbage, nor copy it for that.
    gc.collect()
    gc.freeze()
