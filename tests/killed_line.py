"""Where a child process may be killed: at any line that its work runs through, or at any time.

Children are forked from the server of `killed_run`, which has imported everything.
"""

import importlib
import multiprocessing
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any

from killed_run import PACKAGE, PRELOADED

Act = Callable[[Path], None]
Trace = Callable[[FrameType, str, Any], Any]


@dataclass(frozen=True)
class Line:
    """The `nth` time, from 1 on, that a line is about to run; `module` without the package's name."""

    module: str
    number: int
    nth: int


def trace_lines(modules: Sequence[str], project: Path, act: Act) -> tuple[Line, ...]:
    """Lets a child do the act; returns the lines of the modules in the order of their first run, each with its last."""
    receiving, sending = _context().Pipe(duplex=False)
    child = _context().Process(target=_tell_lines, args=(modules, project, act, sending))
    child.start()
    sending.close()
    counts: dict[tuple[str, int], int] = receiving.recv()
    child.join(120)
    assert child.exitcode == 0
    return tuple(Line(module, number, n) for (module, number), n in counts.items())


def kill_at_line(line: Line, project: Path, act: Act) -> bool:
    """Returns whether a child that does the act came to the line, and was killed there."""
    return _was_killed(_start(_die_at, line, project, act), 120)


def kill_after(seconds: float, project: Path, act: Act) -> bool:
    """Returns whether a child that does the act was still at work, and was killed."""
    child = _start(_do, project, act)
    child.join(seconds)
    child.kill()
    return _was_killed(child, 120)


def _context() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def _start(target: Callable[..., None], *args: object) -> BaseProcess:
    child = _context().Process(target=target, args=args)
    child.start()
    return child


def _was_killed(child: BaseProcess, seconds: float) -> bool:
    child.join(seconds)
    assert child.exitcode in {0, -signal.SIGKILL}, f"the child ended with {child.exitcode}"
    return child.exitcode != 0


def _do(project: Path, act: Act) -> None:
    act(project)


def _tell_lines(modules: Sequence[str], project: Path, act: Act, sending: Connection) -> None:
    counts: Counter[tuple[str, int]] = Counter()
    _watch(modules, lambda module, number: counts.update([(module, number)]))
    act(project)
    sys.settrace(None)
    sending.send(dict(counts))


def _die_at(line: Line, project: Path, act: Act) -> None:
    left = [line.nth]

    def die(_: str, number: int) -> None:
        if number == line.number:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    _watch([line.module], die)
    act(project)


def _watch(modules: Sequence[str], seen: Callable[[str, int], None]) -> None:
    """Calls `seen` before each line of the modules that this thread runs."""
    files = {str(importlib.import_module(f"{PACKAGE}.{name}").__file__): name for name in modules}

    def lines_of(name: str) -> Trace:
        def trace(frame: FrameType, event: str, _: Any) -> Trace:
            if event == "line":
                seen(name, frame.f_lineno)
            return trace

        return trace

    traces = {file: lines_of(name) for file, name in files.items()}
    sys.settrace(lambda frame, event, argument: traces.get(frame.f_code.co_filename))
