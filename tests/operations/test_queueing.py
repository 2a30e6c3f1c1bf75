"""Who comes later for the same asset waits for who came before, and for nobody who is gone."""

import multiprocessing
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from killed_run import PRELOADED
from small_project import gate_of, make_project

from orchestrator_platform.gate.context import Gate
from orchestrator_platform.operations.queueing import in_turn
from orchestrator_platform.records.keys import AssetKey

TOTALS, RANKING = AssetKey("marts.totals"), AssetKey("marts.ranking")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("queue"))


@pytest.fixture
def gate(project: Path) -> Iterator[Gate]:
    yield gate_of(project)
    left = [file.name for file in (project / "home" / "queue").iterdir() if file.name != ".lock"]
    assert left == []


class Worker:
    """Takes its turn in a thread; it is `at_work` until it is told to `go_home`."""

    def __init__(self, gate: Gate, who: str, *assets: AssetKey) -> None:
        self.said: list[str] = []
        self.waits, self.at_work, self.go_home = threading.Event(), threading.Event(), threading.Event()
        self._gate, self._who, self._assets = replace(gate, say=self._hear), who, assets
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _hear(self, text: str) -> None:
        self.said.append(text)
        self.waits.set()

    def _work(self) -> None:
        with in_turn(self._gate, self._assets, self._who):
            self.at_work.set()
            assert self.go_home.wait(20)

    def end(self) -> None:
        self.go_home.set()
        self._thread.join(20)


def test_those_who_share_an_asset_work_one_after_the_other_in_the_order_in_which_they_came(gate: Gate) -> None:
    first = Worker(gate, "run 1", TOTALS, RANKING)
    assert first.at_work.wait(10)
    second = Worker(gate, "run 2", RANKING)
    assert second.waits.wait(10)
    third = Worker(gate, "run 3", RANKING, TOTALS)
    assert third.waits.wait(10)
    assert second.said == ["waits for run 1, which works at marts.ranking, marts.totals"]
    assert not second.at_work.is_set()
    first.end()
    assert second.at_work.wait(10)
    assert not third.at_work.is_set()
    second.end()
    assert third.at_work.wait(10)
    third.end()


def test_those_who_share_nothing_do_not_wait(gate: Gate) -> None:
    first, second = Worker(gate, "run 1", TOTALS), Worker(gate, "run 2", RANKING)
    assert first.at_work.wait(10)
    assert second.at_work.wait(10)
    assert first.said == second.said == []
    first.end()
    second.end()


def test_nobody_waits_for_a_process_that_was_killed(gate: Gate, project: Path) -> None:
    child = _holder(project)
    waiting = Worker(gate, "run 2", TOTALS)
    assert waiting.waits.wait(10)
    child.kill()
    child.join()
    assert waiting.at_work.wait(10)
    waiting.end()
    assert waiting.said == ["waits for run 1, which works at marts.totals"]


def _holder(project: Path) -> multiprocessing.process.BaseProcess:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    holding = context.Event()
    child = context.Process(target=_hold, args=(project, holding))
    child.start()
    assert holding.wait(60)
    return child


def _hold(project: Path, holding: Any) -> None:
    with in_turn(gate_of(project), [TOTALS], "run 1"):
        holding.set()
        threading.Event().wait()


def test_work_that_fails_ends_its_turn(gate: Gate) -> None:
    with pytest.raises(ZeroDivisionError), in_turn(gate, [TOTALS], "run 1"):
        _ = 1 / 0
    with in_turn(gate, [TOTALS], "run 2"):
        pass
