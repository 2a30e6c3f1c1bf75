"""Targets are brought to what serves, one process at a time; one that fails is noted, said and tried again."""

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from embedded import EMBEDDING, cut_of, publish_advisories, publish_embedding

from orchestrator_platform.errors import StorageFailed
from orchestrator_platform.lake.published import PublishedCut
from orchestrator_platform.projections.serving import (
    DeclaredTarget,
    Projector,
    Serving,
    all_remembered,
    is_behind,
    remember,
    remembered,
    target_lock,
)
from orchestrator_platform.records.keys import AssetKey, Version
from orchestrator_platform.records.receipts import Head


@dataclass
class Shelf:
    """A target that holds a version number, and fails as it is told."""

    name: str = "shelf:x"
    asset: AssetKey = EMBEDDING
    fails: Exception | None = None
    brought: list[int | None] = field(default_factory=list)
    during: Callable[[], object] = lambda: None

    def serving(self) -> Serving:
        return Serving(target=self.name, asset=self.asset, version=self.brought[-1] if self.brought else None)  # type: ignore[arg-type]

    def bring(self, head: Head | None, cut: PublishedCut) -> Serving:
        self.during()
        if self.fails is not None:
            raise self.fails
        self.brought.append(head.version if head is not None else None)
        return self.serving()

    rebuild = bring


@pytest.fixture
def projector(tmp_path: Path) -> Projector:
    publish_advisories(tmp_path)
    publish_embedding(tmp_path)
    return Projector(tmp_path / "state", lambda: cut_of(tmp_path), 0.2)


def test_a_target_that_fails_keeps_nobody_waiting_and_says_what_it_still_serves(projector: Projector) -> None:
    good, bad = Shelf("shelf:good"), Shelf("shelf:bad")
    projector.bring_up([DeclaredTarget(bad, "s")])
    bad.fails = StorageFailed(path=Path("/full"), problem="no room")
    served = projector.bring_up([DeclaredTarget(bad, "s"), DeclaredTarget(good, "s")])
    assert [(item.version, bool(item.error)) for item in served] == [(1, True), (1, False)]
    assert "no room" in served[0].error
    assert {item.target: bool(item.error) for item in all_remembered(projector.state)} == {
        "shelf:bad": True,
        "shelf:good": False,
    }
    bad.fails = None
    (mended,) = projector.bring_up([DeclaredTarget(bad, "s")])
    assert (mended.error, remembered(projector.state, "shelf:bad")) == ("", mended)


def test_an_error_that_nobody_foresaw_harms_nobody_else(projector: Projector) -> None:
    (served,) = projector.bring_up([DeclaredTarget(Shelf(fails=ZeroDivisionError("by zero")))])
    assert "ZeroDivisionError: by zero" in served.error
    assert "orchestrator projections sync" in served.error


def test_a_target_is_brought_to_what_serves_once_its_lock_is_held(tmp_path: Path, projector: Projector) -> None:
    """Whoever waited for another process does not take the target back to what served before."""
    reads = projector.read_cut
    shelf = Shelf()

    def publishes_first() -> PublishedCut:
        publish_advisories(tmp_path, [("Z", "New", "text", "v", 1)])
        publish_embedding(tmp_path)
        return reads()

    Projector(projector.state, publishes_first, 0.2).bring_up([DeclaredTarget(shelf)])
    assert shelf.brought == [2]


def test_one_process_at_a_time_brings_a_target_up(projector: Projector) -> None:
    context = multiprocessing.get_context("forkserver")
    ready, done = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(projector.state, ready, done))
    other.start()
    try:
        assert ready.wait(60)
        (served,) = projector.bring_up([DeclaredTarget(Shelf())])
        assert "another process" in served.error
        assert remembered(projector.state, "shelf:x") is None
    finally:
        done.set()
        other.join(60)
    (served,) = projector.bring_up([DeclaredTarget(Shelf())])
    assert (served.version, served.error) == (1, "")


def _hold(state: Path, ready: object, done: object) -> None:
    with target_lock(state, "shelf:x", 5):
        ready.set()  # type: ignore[attr-defined]
        done.wait(60)  # type: ignore[attr-defined]


def test_behind_is_what_serves_another_version_failed_or_was_declared_otherwise(tmp_path: Path) -> None:
    publish_advisories(tmp_path)
    publish_embedding(tmp_path)
    head = cut_of(tmp_path).heads[EMBEDDING]
    served = Serving(target="t", asset=EMBEDDING, version=Version(1), settings="s")
    assert not is_behind(served, head, "s")
    assert is_behind(None, head, "s")
    assert is_behind(served, head, "other")
    assert is_behind(served.model_copy(update={"version": Version(2)}), head, "s")
    assert is_behind(served.model_copy(update={"error": "down"}), head, "s")
    assert is_behind(served, head.model_copy(update={"withdrawn": True}), "s")
    assert not is_behind(None, None)


def test_a_damaged_note_means_that_nothing_is_known(tmp_path: Path) -> None:
    remember(tmp_path, Serving(target="t:x", asset=EMBEDDING, version=Version(3)))
    assert remembered(tmp_path, "t:x") is not None
    next(tmp_path.glob("*.serving.json")).write_bytes(b"{")
    assert remembered(tmp_path, "t:x") is None
    assert all_remembered(tmp_path) == ()
