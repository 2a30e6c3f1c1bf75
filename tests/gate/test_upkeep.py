"""What `gc` frees and what it never touches, on a real lake in which anything may be published."""

import json
import os
import signal
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import duckdb
import pytest
from lineages import LOG, World
from made_once import MadeOnce
from publishing import NOW

from orchestrator_platform.errors import VersionDamaged
from orchestrator_platform.gate import upkeep
from orchestrator_platform.gate.scratch import look_at, own_folder
from orchestrator_platform.gate.upkeep import GarbageCollection
from orchestrator_platform.home_format import make_home
from orchestrator_platform.lake.catalog import open_catalog, read_files
from orchestrator_platform.lake.history import read_outbox, read_receipts, read_snapshots
from orchestrator_platform.lake.maintenance import require_unharmed
from orchestrator_platform.lake.readers import connect_reader, latest_snapshot
from orchestrator_platform.lake.writer import LakeWriter, open_writer
from orchestrator_platform.records.keys import AgentName, AssetKey
from orchestrator_platform.records.upkeep import Collected
from orchestrator_platform.settings import Home, Retention

TABLE = "marts.t"
NOTHING_KEPT = Retention(days=0, versions=2, rejected=0, rejected_days=0, reader_hours=0)


def collection(world: World, retention: Retention = NOTHING_KEPT, now: datetime | None = None) -> GarbageCollection:
    home = Home(world.root)
    make_home(home)
    return GarbageCollection(home, retention, AgentName("keeper"), now or datetime.now(UTC), f"gc-{time.time_ns()}", 5)


def collect(world: World, retention: Retention = NOTHING_KEPT) -> Collected:
    return collection(world, retention).collect()


def make_five_versions(folder: Path) -> None:
    world = World(folder)
    for _ in range(5):
        world.land(1)


@pytest.fixture
def world(made_once: MadeOnce) -> World:
    """A log with five versions, of one new row each."""
    return World(made_once(make_five_versions))


def readable(world: World, asset: str) -> set[int]:
    """The versions whose rows can be read and are what their receipts say."""
    with closing(connect_reader(world.layout)) as connection:
        receipts, snapshots = read_receipts(connection, AssetKey(asset)), set(read_snapshots(connection))
    found = set()
    for receipt in receipts:
        if receipt.snapshot in snapshots:
            with closing(connect_reader(world.layout, receipt.snapshot)) as connection:
                require_unharmed(connection, "lake", receipt)
            found.add(receipt.version)
    return found


def lake_files(world: World) -> set[Path]:
    return set(world.layout.data.rglob("*.parquet"))


def test_old_versions_go_and_the_newest_stay(world: World) -> None:
    world.publish(TABLE, "SELECT 1 AS v")
    world.publish(TABLE, "SELECT 2 AS v")
    world.publish(TABLE, "SELECT 3 AS v")
    before, planned = lake_files(world), collection(world).look().plan
    collected = collect(world)
    assert readable(world, LOG) == {4, 5}
    assert readable(world, TABLE) == {2, 3}
    assert {(item.asset, item.version) for item in collected.plan.versions} == {
        (LOG, 1), (LOG, 2), (LOG, 3), (TABLE, 1),
    }  # fmt: skip
    assert collected.plan.versions == planned.versions
    assert collected.plan.size_bytes == planned.size_bytes > 0
    assert collected.freed_bytes > 0
    assert collected.later_bytes == 0
    assert not any(path.exists() for path in before - lake_files(world))
    assert len([path for path in lake_files(world) if path.is_relative_to(world.layout.data / "marts")]) == 2


def test_a_second_run_finds_nothing_to_free_and_publishing_goes_on(world: World) -> None:
    collect(world)
    # The record of the first run is itself a snapshot; after the second nothing is left to do.
    collect(world)
    assert not collection(world).look().plan.versions
    assert world.land(1) == 6
    assert len(world.rows(LOG)) == 6


def test_by_default_young_versions_and_ten_of_each_asset_stay(world: World) -> None:
    assert not collection(world, Retention()).look().plan.expired
    month_later = datetime.now(UTC) + timedelta(days=31)
    assert not collection(world, Retention(), month_later).look().plan.versions
    aged = Retention(versions=1)
    freed = collection(world, aged, month_later).look().plan.versions
    assert [item.version for item in freed] == [1, 2, 3, 4]
    # The receipts of these tests are of 2024; what counts is when a version was published.
    assert not collection(world, aged, NOW + timedelta(days=29)).look().plan.versions


def test_a_release_keeps_what_it_shows(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.land(1)
    world.release("first")
    for _ in range(4):
        world.land(1)
    collect(world)
    assert 1 in readable(world, LOG)
    assert len(world.roll_to_release("first").receipts) == 1
    assert len(world.rows(LOG)) == 1


def test_what_a_retraction_needs_stays_so_that_it_can_be_brought_forward(tmp_path: Path) -> None:
    world = World(tmp_path)
    for _ in range(3):
        world.land(1)
        world.build(TABLE, LOG)
    world.roll(LOG, 1)
    world.publish(TABLE, "SELECT 1 AS v, 0 AS stamp")
    world.publish(TABLE, "SELECT 2 AS v, 0 AS stamp")
    collect(world, Retention(days=0, versions=1, reader_hours=0))
    # The connection that this world keeps has snapshots attached that are gone now.
    afterwards = World(tmp_path)
    afterwards.roll(LOG, 3)
    assert len(afterwards.rows(LOG)) == 3
    assert not afterwards.retracted()


def test_a_snapshot_that_somebody_may_be_reading_stays(world: World) -> None:
    plan = collection(world, Retention(days=0, versions=1, reader_hours=1)).look().plan
    assert plan.expired == ()
    before = lake_files(world)
    collect(world, Retention(days=0, versions=1, reader_hours=1))
    assert lake_files(world) >= before
    assert readable(world, LOG) == {1, 2, 3, 4, 5}


def test_files_of_expired_versions_stay_until_the_longest_reader_is_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in range(3):
        world.publish(TABLE, f"SELECT {value} AS v")
    before = lake_files(world)
    with monkeypatch.context() as patched:
        # Also where midnight lies between: DuckLake's own comparison is wrong on the day itself.
        patched.setattr(GarbageCollection, "readers_since", datetime.now(UTC) - timedelta(minutes=1))
        collected = collect(world)
        assert collected.plan.n_files > 0
        assert collected.later_bytes > 0
        assert lake_files(world) >= before, "whoever is reading them goes on"
        assert collection(world).look().plan.n_due == 0
    assert collect(world).plan.n_due > 0
    assert not lake_files(world) >= before


def test_many_small_files_of_a_table_become_one_and_the_version_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "MANY_FILES", 5)
    head, rows = world.head(LOG), world.rows(LOG)
    collected = collect(world, Retention(reader_hours=0))
    assert collected.plan.compacted == (LOG,)
    assert world.head(LOG) == head
    assert world.rows(LOG) == rows
    with open_catalog(world.layout.readers) as catalog:
        newest = latest_snapshot(world.layout.readers)
        assert newest is not None
        shown = [file for file in read_files(catalog) if file.table == LOG and file.is_shown_by(newest)]
    assert len(shown) == 1
    assert readable(world, LOG) >= {4, 5}
    assert world.land(1) == 6
    assert world.roll(LOG, 4).receipts[0].n_rows == 4
    assert len(world.rows(LOG)) == 4


def test_what_the_compaction_wrote_is_in_the_journal_by_its_hash(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "MANY_FILES", 5)
    collect(world, Retention(reader_hours=0))
    with closing(connect_reader(world.layout)) as connection:
        events = [event for _, event in read_outbox(connection)]
    said = next(event.details for event in events if event.act == "compact")
    assert all((world.layout.data / "raw" / "log" / name).exists() for name in said["files"])


def test_the_platforms_own_files_are_merged_and_every_version_reads_as_before(tmp_path: Path) -> None:
    world = World(tmp_path)
    for _ in range(upkeep._MANY_PLATFORM_FILES):
        world.land(1)
    collected = collect(world, Retention(versions=100, reader_hours=0))
    assert collected.plan.merges
    assert len(list((world.layout.data / "_platform" / "receipts").glob("*.parquet"))) <= 2
    assert readable(world, LOG) == set(range(1, 21))
    assert world.land(1) == 21, "a merge is a snapshot that is explained"


def _hours_old(path: Path, hours: float) -> Path:
    path.write_bytes(b"put in place, not committed")
    at = time.time() - 3600 * hours
    os.utime(path, (at, at))
    return path


def test_a_file_that_nothing_shows_goes_and_one_that_is_in_flight_stays(world: World) -> None:
    folder = world.layout.data / "raw" / "log"
    orphan, flying, fresh = (_hours_old(folder / f"{hours}-rows.parquet", hours) for hours in (5, 2, 0))
    with own_folder(world.root / "workbenches", f"{datetime.now(UTC) - timedelta(hours=3):%Y%m%dT%H%M%S%f}-1"):
        assert collect(world).plan.n_orphans == 1
        assert [path.exists() for path in (orphan, flying, fresh)] == [False, True, True]
    assert collect(world).plan.n_orphans == 1
    assert [path.exists() for path in (flying, fresh)] == [False, True]


def _hold(workbenches: Path, name: str, ready: object) -> None:
    with own_folder(workbenches, name):
        ready.set()  # type: ignore[attr-defined]
        signal.pause()


def test_the_folder_of_a_killed_run_goes_and_that_of_a_living_one_stays(world: World) -> None:
    workbenches, context = world.root / "workbenches", get_context("fork")
    children = []
    for name in ("20240101T000000000000-dies", "20240102T000000000000-lives"):
        ready = context.Event()
        child = context.Process(target=_hold, args=(workbenches, name, ready))
        child.start()
        assert ready.wait(20)
        children.append(child)
    dying, living = children
    before, after = (world.root / "candidates" / f"{name}T120000000000-x" for name in ("20240101", "20240103"))
    for folder in (before, after):
        folder.mkdir(parents=True)
    try:
        dying.kill()
        dying.join()
        freed = collect(world).plan.folders
        assert [item.name for item in freed] == [
            "workbenches/20240101T000000000000-dies",
            f"candidates/{before.name}",
        ]
        assert [folder.name for folder in look_at(workbenches).living] == ["20240102T000000000000-lives"]
        assert after.exists(), "the living run may have made it"
    finally:
        living.kill()
        living.join()
    collect(world)
    assert not after.exists()


def test_a_version_that_is_not_what_it_was_stops_the_run_before_a_file_goes(world: World) -> None:
    with closing(connect_reader(world.layout)) as connection:
        newest = read_receipts(connection, AssetKey(LOG))[0]
    with open_catalog(world.layout.readers) as catalog:
        file = next(f.path for f in read_files(catalog) if f.table == LOG and f.begins == newest.snapshot)
    duckdb.execute(f"COPY (SELECT 99 AS v, 99 AS stamp) TO '{file}' (FORMAT parquet)")
    before = lake_files(world)
    with pytest.raises(VersionDamaged, match=LOG):
        collect(world)
    assert before <= lake_files(world)


def _collect_killed_at(root: Path, name: str) -> None:
    world = World(root)

    def dies(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(LakeWriter, name, dies)
    collect(world)


@pytest.mark.parametrize("step", ["merge_platform_tables", "expire", "delete_scheduled"])
def test_a_run_that_is_killed_at_any_step_loses_nothing_and_the_next_one_finishes(tmp_path: Path, step: str) -> None:
    world = World(tmp_path)
    for _ in range(upkeep._MANY_PLATFORM_FILES):
        world.land(1)
    child = get_context("forkserver").Process(target=_collect_killed_at, args=(tmp_path, step))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    assert readable(world, LOG) >= {19, 20}
    with open_writer(world.layout, 5) as writer:
        assert writer.heads()[AssetKey(LOG)].version == 20
    collect(world)
    assert readable(world, LOG) == {19, 20}
    assert len(world.rows(LOG)) == 20


def test_the_plan_is_told_as_json(world: World) -> None:
    assert json.loads(collection(world).look().plan.canonical_json())["n_versions_kept"] == 2
