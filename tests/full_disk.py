"""A child process whose files may not grow from a chosen moment on: what a full disk is to a program.

Forked from the server of `killed_run`, which has imported everything.
"""

import importlib
import multiprocessing
import resource
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from killed_run import PRELOADED, land_and_build

from orchestrator_platform.errors import OrchestratorError


def run_on_full_disk(
    project: Path, place: str, work: Callable[[Path], None] = land_and_build, *, from_its_end: bool = False
) -> tuple[str, str]:
    """Returns code and message of the error; no byte can be written from the first call of `module:function` on."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    receiving, sending = context.Pipe(duplex=False)
    child = context.Process(target=_run, args=(project, place, work, from_its_end, sending))
    child.start()
    sending.close()
    try:
        told: tuple[str, str] = receiving.recv()
    except EOFError:
        told = ("died", "")
    child.join(120)
    return told


def make_room() -> None:
    """Lets files grow again, in the child."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _run(project: Path, place: str, work: Callable[[Path], None], from_its_end: bool, sending: Connection) -> None:
    module, _, names = place.partition(":")
    owner: Any = importlib.import_module(f"orchestrator_platform.{module}")
    *inside, name = names.split(".")
    for part in inside:
        owner = getattr(owner, part)
    works = getattr(owner, name)

    def limited(*args: Any, **kwargs: Any) -> Any:
        setattr(owner, name, works)
        done = works(*args, **kwargs) if from_its_end else None
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        return done if from_its_end else works(*args, **kwargs)

    setattr(owner, name, limited)
    try:
        work(project)
        sending.send(("done", ""))
    except OrchestratorError as error:
        sending.send((error.code, str(error)))
    except Exception as error:  # noqa: BLE001 - the test says which one it was
        sending.send((type(error).__name__, str(error)))
