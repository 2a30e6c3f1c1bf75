"""Work beside this process gives what it would give here, its errors are its own, and nothing of it stays."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from orchestrator_platform.learning.side_by_side import SideBySide

forked = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="nothing is forked on one core"
)


class _Wrong(Exception):
    """What pickle cannot carry: it is made of words that it does not keep."""

    def __init__(self, *, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def _wait_for_ever() -> int:
    threading.Event().wait()
    return 0


@forked
def test_what_was_begun_is_done_in_processes_of_its_own() -> None:
    with SideBySide() as beside:
        begun = [beside.begin(lambda place=place: (place, os.getpid())) for place in range(2)]
        (first, one), (second, two) = [each.result() for each in begun]
    assert (first, second) == (0, 1)
    assert len({one, two, os.getpid()}) == 3
    assert multiprocessing.active_children() == []


def test_an_answer_larger_than_a_pipe_holds_arrives_whole() -> None:
    with SideBySide() as beside:
        assert beside.begin(lambda: b"x" * 3_000_000).result() == b"x" * 3_000_000


def test_on_one_core_it_is_done_here_when_its_result_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    with SideBySide() as beside:
        assert beside.begin(os.getpid).result() == os.getpid()


def _break() -> int:
    raise _Wrong(first="too", second="few")


def _result_of_first(works: Sequence[Callable[[], int]]) -> int:
    with SideBySide() as beside:
        begun = [beside.begin(work) for work in works]
        return begun[0].result()


@pytest.mark.parametrize("n_others", [0, 1])
def test_an_error_is_the_works_own_and_ends_what_goes_on_beside_it(n_others: int) -> None:
    with pytest.raises(_Wrong, match="too few"):
        _result_of_first([_break, *[_wait_for_ever] * n_others])
    assert multiprocessing.active_children() == []


@forked
def test_work_whose_child_was_killed_is_done_here(tmp_path: Path) -> None:
    here = os.getpid()

    def die_elsewhere() -> int:
        if os.getpid() != here:
            (tmp_path / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return os.getpid()

    with SideBySide() as beside:
        assert beside.begin(die_elsewhere).result() == here
    assert (tmp_path / "died").exists()
    assert multiprocessing.active_children() == []


@forked
def test_what_nobody_asked_for_ends_when_it_is_left() -> None:
    with SideBySide() as beside:
        beside.begin(_wait_for_ever)
        assert len(multiprocessing.active_children()) == 1
    assert multiprocessing.active_children() == []
