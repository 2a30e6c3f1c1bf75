"""A child process that may do less than others: have few files open, or not write where it has no permission.

Forked from the server of `killed_run`, which has imported everything.
"""

import ctypes
import multiprocessing
import os
import resource
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from killed_run import PRELOADED

from orchestrator_platform.errors import OrchestratorError

_CAPABILITIES_3 = 0x20080522


def run_limited(project: Path, n_more_files: int | None, work: Callable[[Path], None]) -> tuple[str, str]:
    """Returns code and message of the error, or `done`.

    Args:
        n_more_files: How many files the child may open beside those that every process has; `None` is any number.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    receiving, sending = context.Pipe(duplex=False)
    child = context.Process(target=_run, args=(project, n_more_files, work, sending))
    child.start()
    sending.close()
    told: tuple[str, str] = receiving.recv()
    child.join(120)
    return told


def obey_permissions() -> None:
    """Gives up what lets root write to any file."""
    if os.geteuid() == 0:
        header, nothing = (ctypes.c_uint32 * 2)(_CAPABILITIES_3, 0), (ctypes.c_uint32 * 6)()
        assert ctypes.CDLL(None).capset(header, nothing) == 0


def _run(project: Path, n_more_files: int | None, work: Callable[[Path], None], sending: Connection) -> None:
    obey_permissions()
    if n_more_files is not None:
        allowed = max(int(opened.name) for opened in Path("/proc/self/fd").iterdir()) + n_more_files
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))
    try:
        work(project)
        sending.send(("done", ""))
    except OrchestratorError as error:
        sending.send((error.code, str(error)))
    except Exception as error:  # noqa: BLE001 - the test says which one it was
        sending.send((type(error).__name__, str(error)))
