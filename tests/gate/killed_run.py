"""A child process that lands and builds the small project, and is killed where it is told.

Usage: killed_run.py PROJECT MODULE FUNCTION WHEN, where WHEN is `before` or `after` the call.
"""

import importlib
import os
import signal
import sys
from pathlib import Path
from typing import Any


def kill_at(module: str, function: str, when: str) -> None:
    """Replaces the function by one that dies before, or right after, its work is done."""
    owner = importlib.import_module(module)
    works = getattr(owner, function)

    def dies(*args: Any, **kwargs: Any) -> Any:
        if when == "after":
            works(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, function, dies)


def run(project: Path) -> None:
    from small_project import gate_of

    from orchestrator_platform.operations.build import build
    from orchestrator_platform.operations.land import land

    land(gate_of(project), "orders", sorted((project / "incoming").glob("*.csv")))
    build(gate_of(project))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    if len(sys.argv) > 2:
        kill_at(*sys.argv[2:5])
    run(Path(sys.argv[1]))
