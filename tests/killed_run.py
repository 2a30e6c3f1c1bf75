"""A child process that lands and builds the small project, or does other work, and is killed where it is told.

Children are forked from a server that has imported everything, so that a kill costs no start of Python.
"""

import importlib
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from small_project import gate_of

from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land

PACKAGE = "orchestrator_platform"
PRELOADED = ["killed_run", "killed_line", "prepared_homes", "pandas", "pandera.pandas", "pyarrow"]


def land_and_build(project: Path) -> None:
    land(gate_of(project), "orders", sorted((project / "incoming").glob("*.csv")))
    build(gate_of(project))


def run_killed(
    project: Path, module: str, function: str, when: str, work: Callable[[Path], None] = land_and_build
) -> int | None:
    """Returns the exit code of a child that is killed `before` the function works, or right `after` it has."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    child = context.Process(target=_run, args=(project, module, function, when, work))
    child.start()
    child.join(120)
    return child.exitcode


def _run(project: Path, module: str, function: str, when: str, work: Callable[[Path], None]) -> None:
    owner = importlib.import_module(module)
    works = getattr(owner, function)

    def dies(*args: Any, **kwargs: Any) -> Any:
        if when == "after":
            works(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, function, dies)
    work(project)
