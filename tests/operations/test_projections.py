"""Serving copies follow every publication; one that cannot is said, harms nothing, and catches up."""

import multiprocessing
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from embedded import ADVISORIES, EMBEDDING, declare_embedding, publish_advisories, publish_embedding
from killed_run import PRELOADED, run_killed
from made_once import MadeOnce
from small_project import gate_of, make_project, open_project, write_orders

from orchestrator_platform.errors import Misuse, StorageFailed
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.operations import targets
from orchestrator_platform.operations.doctor import Doctor
from orchestrator_platform.operations.gc import collect_garbage, plan_gc
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.projections import project, read_lagging, read_projections, sync
from orchestrator_platform.operations.rollback import Goal, rollback
from orchestrator_platform.projections import index_meta, local_vectors
from orchestrator_platform.projections.serving import target_lock
from orchestrator_platform.records.upkeep import GcPlan

TARGET = f"local:{EMBEDDING}"


def make_advisories(folder: Path) -> None:
    gate = gate_of(make_project(folder))
    publish_advisories(gate.settings.home.root)
    publish_embedding(gate.settings.home.root)


@pytest.fixture
def folder(made_once: MadeOnce) -> Path:
    return made_once(make_advisories)


def opened(folder: Path) -> Gate:
    return declare_embedding(gate_of(folder))


def publish_less(folder: Path, n: int = 3) -> None:
    publish_advisories(folder / "home", ADVISORIES[:n])
    publish_embedding(folder / "home")


def breaks(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def fails(*_: object, **__: object) -> None:
        raise StorageFailed(path=Path("/full"), problem="no room")

    whole = local_vectors.write_index
    monkeypatch.setattr(local_vectors, "write_index", fails)
    return lambda: monkeypatch.setattr(local_vectors, "write_index", whole)


def test_a_publication_brings_the_copies_to_what_serves(folder: Path) -> None:
    (before,) = read_projections(opened(folder))
    assert (before.target, before.serving, before.published, before.lag, before.is_behind) == (TARGET, None, 1, 1, True)
    project(opened(folder))
    (state,) = read_projections(opened(folder))
    assert (state.serving, state.lag, state.is_behind) == (1, 0, False)
    publish_less(folder)
    publish_less(folder, 2)
    (late,) = read_projections(opened(folder))
    assert (late.serving, late.published, late.lag) == (1, 3, 2)
    land(opened(folder), "orders", [write_orders(folder, "a.csv", (1, "ann", 1, "open"))])
    (state,) = read_projections(opened(folder))
    assert (state.serving, state.is_behind) == (3, False)


def test_a_copy_that_fails_harms_no_publication_and_catches_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project(opened(folder))
    publish_less(folder)
    mend = breaks(monkeypatch)
    landed = land(opened(folder), "orders", [write_orders(folder, "a.csv", (1, "ann", 1, "open"))])
    assert not landed.is_no
    (served,) = read_lagging(opened(folder))
    assert "no room" in served.error
    (state,) = read_projections(opened(folder))
    assert (state.serving, state.published, state.is_behind) == (1, 2, True)
    assert "no room" in state.error
    mend()
    project(opened(folder))
    (state,) = read_projections(opened(folder))
    assert (state.serving, state.error, state.is_behind) == (2, "", False)
    assert read_lagging(opened(folder)) == ()


@pytest.mark.parametrize("bring_up", [project, sync])
def test_folders_of_an_older_format_are_made_anew_by_whatever_brings_copies_up(
    folder: Path, bring_up: Callable[[Gate], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    older_format = index_meta.FORMAT - 1
    for module in (index_meta, targets):
        monkeypatch.setattr(module, "FORMAT", older_format)
    project(opened(folder))
    (older,) = read_projections(opened(folder))
    monkeypatch.undo()
    (state,) = read_projections(opened(folder))
    assert "was written in format" in state.error
    bring_up(opened(folder))
    (state,) = read_projections(opened(folder))
    assert (state.error, state.is_behind) == ("", False)
    assert state.place != older.place


def test_the_doctor_reads_every_byte_of_the_copies_that_serve(folder: Path) -> None:
    project(opened(folder))
    (state,) = read_projections(opened(folder))
    rows = Path(state.place) / index_meta.ROWS_FILE
    content = bytearray(rows.read_bytes())
    content[len(content) // 2] ^= 1
    rows.write_bytes(content)
    settings = opened(folder).settings
    (found,) = (each for each in Doctor(settings).examine().ailments if each.culprit == TARGET)
    assert found.problem.endswith(f"{rows.parent} is damaged: {rows.name} has other bytes than were written")
    assert found.command == f"orchestrator projections rebuild {TARGET}"
    assert not [each for each in Doctor(settings, quick=True).examine().ailments if each.culprit == TARGET]


def test_what_was_taken_back_is_not_served_and_comes_back_with_it(folder: Path) -> None:
    publish_less(folder)
    project(opened(folder))
    rollback(opened(folder), Goal(str(EMBEDDING)), why="wrong", by="ada")
    (state,) = read_projections(opened(folder))
    assert (state.serving, state.published, state.place, state.is_behind) == (None, None, "", False)
    local = folder / "home/projections/local" / EMBEDDING
    assert not [path for path in local.iterdir() if path.is_dir()]
    rollback(opened(folder), Goal(str(EMBEDDING), 1), why="right after all", by="ada")
    (state,) = read_projections(opened(folder))
    assert (state.serving, state.published, state.is_behind) == (4, 4, False)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("function", ["write_index", "write_note"])
def test_a_kill_at_any_step_is_repaired_by_the_next_look(folder: Path, function: str, when: str) -> None:
    project(opened(folder))
    publish_less(folder)
    module = "orchestrator_platform.projections.local_vectors"
    assert run_killed(folder, module, function, when, bring_up_all) == -9
    project(opened(folder))
    (state,) = read_projections(opened(folder))
    assert (state.serving, state.is_behind, state.error) == (2, False, "")
    local = folder / "home/projections/local" / EMBEDDING
    assert [path for path in local.iterdir() if path.is_dir()] == [Path(state.place)]


def bring_up_all(folder: Path) -> None:
    sync(opened(folder))


def test_many_processes_at_once_make_one_copy(folder: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    children = [context.Process(target=bring_up_all, args=(folder,)) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join(120)
    assert [child.exitcode for child in children] == [0, 0, 0]
    (state,) = read_projections(opened(folder))
    assert (state.serving, state.error, state.is_behind) == (1, "", False)
    local = folder / "home/projections/local" / EMBEDDING
    assert [path for path in local.iterdir() if path.is_dir()] == [Path(state.place)]


def test_copies_are_made_anew_from_the_lake(folder: Path) -> None:
    project(opened(folder))
    shutil.rmtree(folder / "home/projections/local")
    (state,) = read_projections(opened(folder))
    assert (state.serving, state.is_behind) == (None, True)
    (state,) = sync(opened(folder), [TARGET], anew=True)
    assert (state.serving, state.is_behind) == (1, False)


def test_a_projection_that_nobody_declared_is_named(folder: Path) -> None:
    with pytest.raises(Misuse, match=r"Known: local:embeddings\.advisory"):
        sync(opened(folder), ["local:nothing.here"])


def test_a_project_without_embeddings_has_no_copies(folder: Path) -> None:
    assert read_projections(gate_of(folder)) == sync(gate_of(folder)) == ()


def test_gc_takes_copies_that_serve_nobody_and_doctor_tells_of_one_that_cannot_answer(folder: Path) -> None:
    project(opened(folder))
    (state,) = read_projections(opened(folder))
    served = Path(state.place)
    left = served.with_name("00ff.1.partial")
    left.mkdir()
    (left / "vectors.npy").write_bytes(b"half")
    platform = open_project(folder)
    home = platform.settings.home
    assert copies(plan_gc(platform)) == [left.relative_to(home.root).as_posix()]
    with target_lock(home.projections, TARGET, 0):
        assert copies(plan_gc(platform)) == []  # somebody may be writing it
    collected = collect_garbage(platform, by="ada")
    assert (collected.plan.folders[-1].size_bytes, left.exists(), served.exists()) == (4, False, True)
    assert told(folder) == []
    (served / "vectors.npy").unlink()
    assert told(folder) == [(TARGET, f"orchestrator projections rebuild {TARGET}")]
    sync(opened(folder), anew=True)
    publish_less(folder)
    assert told(folder) == [(TARGET, "orchestrator projections sync")]


def copies(plan: GcPlan) -> list[str]:
    return [item.name for item in plan.folders if item.name.startswith("projections/")]


def told(folder: Path) -> list[tuple[str, str]]:
    found = Doctor(gate_of(folder).settings, quick=True).examine().ailments
    return [(item.culprit, item.command) for item in found if item.culprit == TARGET]
