"""A process of its own ends when its work or its time does, whatever it started and left behind."""

import threading
import time
from pathlib import Path

import pytest

from orchestrator_platform.errors import ProcessFailed
from orchestrator_platform.learning.fresh_process import ProcessLimits, run_fresh

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - it is only looked at

# A child of its own that holds the pipe of its parent for ever, and writes its number where the test finds it.
LEAVES_A_CHILD = """
import os, time
from pathlib import Path
from orchestrator_platform.learning.fresh_process import answer_task

def work(folder, task, say):
    say("begun")
    if not (child := os.fork()):
        time.sleep(3600)
    Path(task["child"]).write_text(str(child))
    time.sleep(task["seconds"])
    return {"done": True}

answer_task(work)
"""


# What the platform's own errors say is for people; of any other the kind helps.
FAILS = """
from orchestrator_platform.errors import ExamplesUnusable
from orchestrator_platform.learning.fresh_process import answer_task

def work(folder, task, say):
    if task["ours"]:
        raise ExamplesUnusable(model="late", problem="no day has a label", fix="Wait.")
    raise ValueError("too few")

answer_task(work)
"""

# Two workers that are handed an array too large to be sent, and do not come to an end.
SHARES_AN_ARRAY = """
import time
import joblib
import numpy as np
from orchestrator_platform.learning.fresh_process import answer_task

def wait(array):
    time.sleep(3600)

def work(folder, task, say):
    joblib.Parallel(n_jobs=2, max_nbytes=1_000)(joblib.delayed(wait)(np.arange(10_000)) for _ in range(2))

answer_task(work)
"""

# A child that counts for a second of the processor, while its parent waits for it.
LETS_A_CHILD_COUNT = """
import os, time
from orchestrator_platform.learning.fresh_process import answer_task

def work(folder, task, say):
    if not (child := os.fork()):
        while time.process_time() < 1:
            pass
        os._exit(0)
    os.waitpid(child, 0)
    return {"own_seconds": time.process_time()}

answer_task(work)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module that the fresh process finds: nothing but files of its folder reaches it."""
    package = tmp_path / "site"
    package.mkdir()
    (package / "leaves_a_child.py").write_text(LEAVES_A_CHILD)
    monkeypatch.setattr(
        "orchestrator_platform.learning.fresh_process._ENVIRONMENT", {"PYTHONPATH": str(package), "LANG": "C.UTF-8"}
    )
    return "leaves_a_child"


def wait_for_end(child: int) -> None:
    until = time.monotonic() + 10
    while Path(f"/proc/{child}/stat").exists() and Path(f"/proc/{child}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < until, "it lives on"
        threading.Event().wait(0.01)


@pytest.mark.skipif(not Path("/proc").exists(), reason="processes are looked for below /proc")
@pytest.mark.parametrize(("seconds", "limit"), [(0, 60), (60, 5)])
def test_a_child_that_it_left_behind_keeps_nobody_waiting_and_ends(
    module: str, tmp_path: Path, seconds: int, limit: float
) -> None:
    said: list[str] = []
    task = {"child": str(tmp_path / "child"), "seconds": seconds}
    began = time.monotonic()
    if seconds:
        with pytest.raises(ProcessFailed, match="it took longer than 5 s"):
            run_fresh(module, tmp_path, task, ProcessLimits(timeout_seconds=limit), said.append)
    else:
        assert run_fresh(module, tmp_path, task, ProcessLimits(timeout_seconds=limit), said.append)["done"] is True
    assert (said, time.monotonic() - began < 30) == (["begun"], True)
    wait_for_end(int((tmp_path / "child").read_text()))


@pytest.mark.parametrize(
    ("ours", "said"),
    [(True, "late cannot be trained: no day has a label. No model was made. Wait."), (False, "ValueError: too few")],
)
def test_an_error_of_the_platform_is_told_in_its_own_words(module: str, tmp_path: Path, ours: bool, said: str) -> None:
    (tmp_path / "site" / "fails.py").write_text(FAILS)
    with pytest.raises(ProcessFailed) as failed:
        run_fresh("fails", tmp_path, {"ours": ours}, ProcessLimits(timeout_seconds=60), lambda _: None)
    assert failed.value.problem == said


def test_a_process_that_is_ended_leaves_nothing_in_shared_memory(tmp_path: Path, module: str) -> None:
    (tmp_path / "site" / "shares_an_array.py").write_text(SHARES_AN_ARRAY)
    folder = tmp_path / "task"
    folder.mkdir()
    before = set(SHARED_MEMORY.glob("joblib*"))
    with pytest.raises(ProcessFailed, match="longer than 8 s"):
        run_fresh("shares_an_array", folder, {}, ProcessLimits(timeout_seconds=8), lambda said: None)
    assert list(folder.glob("joblib*")), "it came as far as sharing"
    assert set(SHARED_MEMORY.glob("joblib*")) == before


def test_what_children_cost_is_told_with_what_it_cost_itself(module: str, tmp_path: Path) -> None:
    (tmp_path / "site" / "lets_a_child_count.py").write_text(LETS_A_CHILD_COUNT)
    answer = run_fresh("lets_a_child_count", tmp_path, {}, ProcessLimits(timeout_seconds=60), lambda _: None)
    assert answer["cpu_seconds"] >= answer["own_seconds"] + 0.9
    assert answer["peak_mb"] > 1
