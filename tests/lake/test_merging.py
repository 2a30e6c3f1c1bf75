"""The platform's own tables lie in few files however often is published; a merge may fail, or die at any instant."""

import logging
import signal
from collections import Counter
from contextlib import closing
from itertools import count
from os import getpid
from pathlib import Path

import publishing
import pytest
from killed_run import run_killed
from lineages import LOG, World

from orchestrator_platform.lake import maintenance
from orchestrator_platform.lake.catalog import open_catalog, read_files
from orchestrator_platform.lake.history import read_heads, read_ledger, read_receipts_after
from orchestrator_platform.lake.platform_tables import SCHEMA
from orchestrator_platform.lake.readers import connect_reader, latest_snapshot
from orchestrator_platform.lake.writer import open_writer
from orchestrator_platform.records.keys import AssetKey, Snapshot

MANY = 4


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "MANY_SMALL_FILES", MANY)


def most_files(world: World) -> int:
    """In how many files a reader finds the platform's table that has most of them."""
    newest = latest_snapshot(world.layout.readers)
    assert newest is not None
    with open_catalog(world.layout.readers) as catalog:
        shown = [file.table for file in read_files(catalog) if file.is_shown_by(newest) and not file.is_deletes]
    return max(Counter(table for table in shown if table.startswith(SCHEMA)).values())


def require_whole(world: World, n_versions: int) -> None:
    """Every version reads as its receipt says, and the receipts, the ledger and the heads tell of all of them."""
    assert sorted(world.readable(LOG)) == list(range(1, n_versions + 1))
    assert world.head(LOG).version == n_versions
    with closing(connect_reader(world.layout)) as connection:
        receipts = read_receipts_after(connection, Snapshot(0))
        accounted = sorted(entry.version or 0 for entry in read_ledger(connection))
    assert [receipt.version for receipt in receipts] == accounted == list(range(1, n_versions + 1))
    for receipt in receipts:
        # As it was then, although what says so was written anew since.
        with closing(connect_reader(world.layout, receipt.snapshot)) as connection:
            assert read_heads(connection)[AssetKey(LOG)].version == receipt.version
            assert len(read_receipts_after(connection, Snapshot(0))) == receipt.version


def test_files_of_the_platforms_tables_stay_few_however_often_is_published(tmp_path: Path) -> None:
    world = World(tmp_path)
    for _ in range(3 * MANY):
        world.land(1)
        assert most_files(world) <= MANY
    require_whole(world, 3 * MANY)


def test_with_many_assets_the_heads_are_merged_too(tmp_path: Path) -> None:
    world = World(tmp_path)
    for turn in range(3):
        for number in range(2 * MANY):
            world.publish(f"marts.t{number}", f"SELECT {turn} AS v")
        # What was merged and then written anew in part cannot be merged again; no asset lies in two such files.
        assert most_files(world) <= 3 * MANY
    assert {head.version for head in world.cut().heads.values()} == {3}


def test_what_has_grown_is_not_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path)
    for _ in range(MANY):
        world.land(1)
    monkeypatch.setattr(maintenance, "SMALL_BYTES", 1)
    for _ in range(2 * MANY):
        world.land(1)
    assert most_files(world) > 2 * MANY
    require_whole(world, 3 * MANY)


def test_a_merge_that_fails_fails_no_publication_and_the_next_one_tries_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(tmp_path)
    for _ in range(MANY - 1):
        world.land(1)
    damaged = min((world.layout.data / SCHEMA / "ledger").glob("*.parquet"))
    whole = damaged.read_bytes()
    damaged.write_bytes(b"not a table")
    with caplog.at_level(logging.WARNING, "orchestrator"):
        assert world.land(1) == MANY
    assert "could not be merged" in caplog.text
    assert world.head(LOG).version == MANY
    assert most_files(world) == MANY
    damaged.write_bytes(whole)
    caplog.clear()
    world.land(1)
    assert caplog.text == ""
    assert most_files(world) == 1
    require_whole(world, MANY + 1)


def land_one(root: Path) -> None:
    """What a child that is to be killed does: it lands a file, and the merge is due."""
    maintenance.MANY_SMALL_FILES = MANY
    publishing._numbers = count(getpid() * 1_000_000)
    World(root).land(1)


@pytest.mark.parametrize(
    ("module", "function", "when"),
    [
        ("writer", "merge_if_many", "before"),
        ("maintenance", "merge_platform_tables", "before"),
        ("maintenance", "platform_tables", "after"),
        ("maintenance", "merge_platform_tables", "after"),
        ("writer", "merge_if_many", "after"),
        ("writer", "replace_readers_copy", "before"),
        ("writer", "replace_readers_copy", "after"),
    ],
)
def test_a_kill_around_the_merge_loses_nothing(tmp_path: Path, module: str, function: str, when: str) -> None:
    world = World(tmp_path)
    for _ in range(MANY - 1):
        world.land(1)
    place = f"orchestrator_platform.lake.{module}"
    assert run_killed(tmp_path, place, function, when, work=land_one) == -signal.SIGKILL
    with open_writer(world.layout, 5):
        pass
    require_whole(World(tmp_path), MANY)
    assert World(tmp_path).land(1) == MANY + 1
    assert most_files(world) <= 2
    require_whole(World(tmp_path), MANY + 1)
