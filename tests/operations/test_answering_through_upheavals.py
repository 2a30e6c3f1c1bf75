"""A model that is asked steadily while versions are published, taken back, brought again and their files freed."""

import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from served_model import ROW, asking, awaited
from small_models import MODEL, gate_of_models
from small_scores import make_scores, publish_model

from orchestrator_platform.gate.outcomes import Published
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.gc import collect_garbage
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.operations.rollback import Goal, rollback

PER_SECOND = 20
# What takes over is opened within a moment of being told; this machine may be busy.
FOLLOWED_WITHIN_SECONDS = 3.0


@dataclass
class Watched:
    """Every answer with the time at which it was asked for: status, version, the model's hash, versions of its rows."""

    answers: list[tuple[float, int, int, str, frozenset[int]]] = field(default_factory=list)

    def since(self, begin: float) -> list[tuple[float, int, int, str, frozenset[int]]]:
        return [answer for answer in list(self.answers) if answer[0] >= begin]


@contextmanager
def watched(client: httpx.Client) -> Iterator[Watched]:
    seen, ended = Watched(), threading.Event()

    def ask() -> None:
        while not ended.wait(1 / PER_SECOND):
            asked_at = time.monotonic()
            answer = client.post("/score", json={"rows": [ROW, ROW]})
            said = answer.json()
            versions = frozenset(row["model_version"] for row in said.get("rows", ()))
            sha256 = said.get("sha256", said.get("error", ""))
            seen.answers.append((asked_at, answer.status_code, said.get("version", 0), sha256, versions))

    callers = [threading.Thread(target=ask) for _ in range(2)]
    for caller in callers:
        caller.start()
    try:
        yield seen
    finally:
        ended.set()
        for caller in callers:
            caller.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = make_scores(tmp_path / "project")
    build(gate_of_models(made), ["features.items"])
    assert isinstance(publish_model(made), Published)
    return made


def n_open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * resource.getpagesize() / 1024**2


def test_every_answer_is_by_a_version_that_served_then_and_nothing_is_left_open(folder: Path) -> None:
    with asking(folder) as client, watched(client) as seen:
        awaited(lambda: len(seen.answers) > PER_SECOND)
        assert isinstance(publish_model(folder, c=0.01), Published)
        awaited(lambda: seen.answers[-1][2] == 2)
        files, memory = n_open_files(), resident_mb()
        for turn in range(3):
            rollback(gate_of_models(folder), Goal(asset=MODEL, version=1), why="the second is worse", by="ada")
            taken_back = time.monotonic()
            collect_garbage(Platform.open(folder / "home", folder), by="ada")
            awaited(lambda: seen.answers[-1][2] == 1)
            time.sleep(0.5)
            late = [answer for answer in seen.since(taken_back + FOLLOWED_WITHIN_SECONDS) if answer[2] != 1]
            assert not late, "a version that was taken back answered"
            assert isinstance(publish_model(folder, c=0.02 * (turn + 1)), Published)
            awaited(lambda: seen.answers[-1][2] > 2)
        assert {status for _, status, *_ in seen.answers} == {200}
        by_version: dict[int, set[str]] = {}
        for _, _, version, sha256, versions in seen.answers:
            assert versions == {version}, "an answer is by one version alone"
            by_version.setdefault(version, set()).add(sha256)
        assert all(len(hashes) == 1 for hashes in by_version.values())
        assert n_open_files() <= files + 5
        assert resident_mb() <= memory + 250
        rollback(gate_of_models(folder), Goal(asset="features.items"), why="the wrong file", by="ada")
        told = time.monotonic()
        awaited(lambda: seen.answers[-1][1] == 503)
        collect_garbage(Platform.open(folder / "home", folder), by="ada")
        awaited(lambda: len(seen.since(told + FOLLOWED_WITHIN_SECONDS)) > PER_SECOND)
        refused = seen.since(told + FOLLOWED_WITHIN_SECONDS)
        assert {(status, why) for _, status, _, why, _ in refused} == {(503, "model_not_served")}
