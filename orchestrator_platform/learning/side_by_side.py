"""Work beside this process, by children forked from it; where there is one core, or no safe fork, it is done here.

A child has what is in memory here, and sends back what its work returns. If it cannot, the work is done once more here,
so that an error is the work's own. Work must therefore give the same wherever and however often it is done.
"""

import multiprocessing
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Generic, Self, TypeVar

Found = TypeVar("Found")


@dataclass(frozen=True, eq=False)
class Begun(Generic[Found]):
    """Work that a child does, or that is done when its result is asked for."""

    work: Callable[[], Found]
    child: BaseProcess | None = None
    answer: "Connection[Any, Any] | None" = None

    def result(self) -> Found:
        """Waits for what the work returns; what it raises is raised here. To be called once."""
        if self.child is None or self.answer is None:
            return self.work()
        try:
            found: Found = self.answer.recv()
        except EOFError:
            return self.work()
        finally:
            self.end()
        return found

    def end(self) -> None:
        """Ends the child, whatever it does."""
        if self.child is not None and self.answer is not None:
            self.answer.close()
            self.child.kill()
            self.child.join()


class SideBySide:
    """Begins work, and ends what still goes on when it is left."""

    def __init__(self) -> None:
        self._begun: list[Begun[Any]] = []
        self._forks = sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for begun in self._begun:
            begun.end()

    def begin(self, work: Callable[[], Found]) -> Begun[Found]:
        begun = _fork(work) if self._forks else Begun(work)
        self._begun.append(begun)
        return begun


def _fork(work: Callable[[], Found]) -> Begun[Found]:
    ours, theirs = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_answer, args=(work, theirs))
    with theirs, warnings.catch_warnings():
        # Newer Pythons warn of any other thread. Those of libraries know of forks; the child needs none of ours.
        warnings.simplefilter("ignore", DeprecationWarning)
        child.start()
    return Begun(work, child, ours)


def _answer(work: Callable[[], Any], answer: "Connection[Any, Any]") -> None:
    try:
        answer.send(work())
    except BaseException:  # noqa: BLE001  # the parent does the work again, and meets the same
        os._exit(1)
