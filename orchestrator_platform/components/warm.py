"""Makes Dagster's code server start runs from a process that has everything imported, instead of a new interpreter.

The server's start method is a private attribute of Dagster, whose version is therefore pinned and this tested. Where it
is not found as expected, runs start as Dagster would, some seconds later, and a message says so.
"""

import gc
import logging
import multiprocessing
import sys
from dataclasses import dataclass
from multiprocessing import forkserver
from typing import Any

import dagster as dg

from ..operations.definition_state import definition_state
from ..settings import Settings

_SERVER, _CONTEXT = "dagster._grpc.server", "_mp_ctx"
_PRELOADED = "orchestrator_platform.components.warmed"
_SLOW = "Runs start from a new interpreter, which takes seconds: %s."


@dataclass(frozen=True)
class Loaded:
    """Definitions, and what they were loaded from."""

    settings: Settings
    state: object
    definitions: dg.Definitions


def warm_code_server() -> bool:
    """Returns whether the runs of this process start warm; outside of a code server there is nothing to do.

    It is called while definitions load: no thread of ours runs then, and no connection is open.
    """
    module = sys.modules.get(_SERVER)
    if module is None or multiprocessing.parent_process() is not None:
        return False  # a run, or no part of Dagster's services
    servers = [each for each in gc.get_objects() if type(each) is module.DagsterApiServer]
    return bool(servers) and _warm(servers, logging.getLogger("orchestrator"))


def warm_definitions(settings: Settings) -> dg.Definitions | None:
    """Returns what was loaded before this run was started, where no file that declares something was written since."""
    loaded: Loaded | None = getattr(sys.modules.get(_PRELOADED), "loaded", None)
    if loaded is None or loaded.settings != settings or loaded.state != definition_state(settings):
        return None
    return loaded.definitions


def _warm(servers: list[Any], log: logging.Logger) -> bool:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        log.warning(_SLOW, "this system cannot fork")
        return False
    if not all(hasattr(server, _CONTEXT) for server in servers):
        log.warning(_SLOW, f"this version of Dagster has no {_CONTEXT}")
        return False
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([_PRELOADED])
    try:
        # Paid now, not by the first run.
        forkserver.ensure_running()
    except OSError as error:
        log.warning(_SLOW, error)
        return False
    for server in servers:
        setattr(server, _CONTEXT, context)
    return True
