"""Few files may be open, or a home be closed: one error, no verdict for it, and then the command completes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from limited_child import run_limited
from small_project import gate_of, make_project, open_project, write_orders

from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.records_of import quarantine

FEW = (1, 4, 7, 10)


def land_all(project: Path) -> None:
    land(gate_of(project), "orders", sorted((project / "incoming").glob("*.csv")))


def build_all(project: Path) -> None:
    build(gate_of(project))


@contextmanager
def closed(folder: Path) -> Iterator[None]:
    """Nobody may write to the folder and what is in it, for the body."""
    modes = {path: path.stat().st_mode for path in (folder, *folder.rglob("*"))}
    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    yield
    for path, mode in modes.items():
        path.chmod(mode)


def test_with_few_open_files_nothing_is_judged_or_lost(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    write_orders(project, "day1.csv", (1, "ada", 1, "open"))
    land_all(project)
    write_orders(project, "day2.csv", (2, "ada", 1, "open"))
    told = [run_limited(project, few, land_all)[0] for few in FEW]
    assert set(told) <= {"storage_failed", "done"}
    assert told[0] == "storage_failed"
    assert quarantine(open_project(project)) == ()
    land_all(project)
    assert open_project(project).query("SELECT order_id FROM raw.orders ORDER BY ALL").fetchall() == [(1,), (2,)]


def test_a_home_that_may_not_be_written_is_read_and_told_of(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    write_orders(project, "day1.csv", (1, "ada", 1, "open"))
    land_all(project)
    write_orders(project, "day2.csv", (2, "ada", 1, "open"))
    with closed(project / "home"):
        for work in (land_all, build_all):
            code, message = run_limited(project, None, work)
            assert code == "storage_failed"
            assert f"Writing {project}/home/" in message
            assert "Permission denied" in message
        assert run_limited(project, None, read) == ("done", "")
    land_all(project)
    assert open_project(project).query("SELECT order_id FROM raw.orders ORDER BY ALL").fetchall() == [(1,), (2,)]


def read(project: Path) -> None:
    assert open_project(project).read("raw.orders").fetchall()
