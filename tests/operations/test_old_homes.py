"""A home of every format there was opens, reads and builds; a home opens wherever it was moved to."""

import json
import shutil
import tarfile
from pathlib import Path

import pytest
from killed_run import run_killed
from small_project import gate_of, make_project, open_project, write_orders

from orchestrator_platform.errors import HomeMoved, NewerHome
from orchestrator_platform.home_format import HOME_FORMAT, make_home, read_home_format, write_home_format
from orchestrator_platform.lake.catalog import open_catalog, read_files
from orchestrator_platform.lake.layout import LakeLayout
from orchestrator_platform.lake.readers import latest_snapshot
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.records_of import history, ledger, quarantine
from orchestrator_platform.settings import Home

OLD_HOMES = sorted((Path(__file__).resolve().parents[1] / "old_homes").glob("format-*.tar.xz"))


def unpack(packed: Path, project: Path) -> Path:
    make_project(project)
    with tarfile.open(packed) as tar:
        tar.extractall(project / "home", filter="tar")
    return project / "home"


@pytest.mark.parametrize("packed", OLD_HOMES, ids=lambda path: path.stem)
def test_a_home_of_an_older_format_opens_reads_and_builds_at_another_place(packed: Path, tmp_path: Path) -> None:
    home = unpack(packed, tmp_path)
    assert len(open_project(tmp_path).read("raw.orders").fetchall()) == 3, "read before anything was written"
    assert [entry.kind for entry in quarantine(open_project(tmp_path))] == ["rows", "candidate"]
    land(gate_of(tmp_path), "orders", [write_orders(tmp_path, "july.csv", (5, "zoe", 7, "open"))])
    build(gate_of(tmp_path))
    platform = open_project(tmp_path)
    assert read_home_format(Home(home)) == HOME_FORMAT
    assert sorted(row[0] for row in platform.read("raw.orders").fetchall()) == [1, 2, 4, 5]
    assert len(platform.read("raw.orders", version=1).fetchall()) == 2
    assert [receipt.version for receipt in history(platform, "raw.orders")] == [3, 2, 1]
    assert sum(entry.n_rows for entry in ledger(platform)) == 5


@pytest.mark.parametrize("packed", OLD_HOMES, ids=lambda path: path.stem)
def test_before_a_migration_catalog_and_marker_are_copied_aside(packed: Path, tmp_path: Path) -> None:
    home = unpack(packed, tmp_path)
    before = latest_snapshot(home / "lake" / "catalog.sqlite")
    land(gate_of(tmp_path), "orders", [write_orders(tmp_path, "july.csv", (5, "zoe", 7, "open"))])
    aside = home / "backups" / "format-1"
    assert latest_snapshot(aside / "catalog.sqlite") == before
    assert json.loads((aside / "home.json").read_text()) == {"format": 1}
    assert all(file.path.exists() for file in files_of(aside / "catalog.sqlite"))


def files_of(catalog: Path) -> tuple[object, ...]:
    with open_catalog(catalog) as connection:
        return read_files(connection)


def test_a_home_of_a_newer_format_is_refused_and_not_touched(tmp_path: Path) -> None:
    make_project(tmp_path)
    home = Home(tmp_path / "home")
    make_home(home)
    write_home_format(home, HOME_FORMAT + 1)
    with pytest.raises(NewerHome):
        open_project(tmp_path)
    assert read_home_format(home) == HOME_FORMAT + 1


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    """A project whose home was moved after something was published."""
    make_project(tmp_path / "before")
    land(gate_of(tmp_path / "before"), "orders", [write_orders(tmp_path, "may.csv", (1, "ann", 10, "open"))])
    return Path(shutil.move(tmp_path / "before", tmp_path / "after"))


def test_a_home_that_was_moved_reads_and_publishes(moved: Path) -> None:
    assert open_project(moved).read("raw.orders").fetchall()[0][0] == 1
    land(gate_of(moved), "orders", [write_orders(moved, "june.csv", (2, "bob", 20, "paid"))])
    assert len(open_project(moved).read("raw.orders").fetchall()) == 2
    data = LakeLayout(moved / "home" / "lake").data
    assert all(file.path.is_relative_to(data) for file in files_of(data.parent / "catalog.sqlite"))


def test_a_home_of_which_a_part_was_moved_is_refused_by_name(moved: Path) -> None:
    lost = next((moved / "home" / "lake" / "data" / "raw").rglob("*.parquet"))
    lost.chmod(0o644)
    lost.unlink()
    with pytest.raises(HomeMoved, match=lost.name):
        land(gate_of(moved), "orders", [write_orders(moved, "june.csv", (2, "bob", 20, "paid"))])


@pytest.mark.parametrize("step", ["_copy_aside", "_migrate", "write_home_format"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_migration_that_is_killed_is_finished_by_the_next_writer(tmp_path: Path, step: str, when: str) -> None:
    home = unpack(OLD_HOMES[0], tmp_path)
    write_orders(tmp_path, "july.csv", (5, "zoe", 7, "open"))
    assert run_killed(tmp_path, "orchestrator_platform.lake.migrations", step, when) == -9
    land(gate_of(tmp_path), "orders", [tmp_path / "incoming" / "july.csv"])
    assert read_home_format(Home(home)) == HOME_FORMAT
    assert len(open_project(tmp_path).read("raw.orders").fetchall()) == 4
    assert latest_snapshot(home / "backups" / "format-1" / "catalog.sqlite") is not None
