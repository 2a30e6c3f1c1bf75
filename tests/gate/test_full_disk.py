"""A disk that is full at any stage: one error that names the path, nothing lost, and the same command completes."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from full_disk import make_room, run_on_full_disk
from small_project import gate_of, make_project, open_project, write_orders

from orchestrator_platform.errors import StorageFailed
from orchestrator_platform.gate.outcomes import Published
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.records_of import ledger
from orchestrator_platform.records.ledger import FileState, LedgerEntry

# From where on nothing can be written, and what the error names.
LANDING = (
    ("operations.land:_copy", "home/landing/orders/.day"),
    ("gate.intake:archive_file", "home/archive"),
    ("gate.split:read_files", tempfile.gettempdir()),
    ("reading.child_process:subprocess.Popen", "rows-00001.parquet.partial"),
    ("gate.cycle.landing:close_candidate", "home/candidates/"),
    ("gate.publish:_put_in_place", "home/lake/data/raw/orders/"),
    ("lake.writer:LakeWriter._transact", "home/lake/catalog.sqlite"),
    ("lake.writer:replace_readers_copy", "home/lake/readers.sqlite"),
)
BUILDING = (("gate.cycle.building:build_python_stage", "home/"), ("gate.cycle.table_pass:audit_candidates", "home/"))


Places = Sequence[tuple[str, str]]
ALONE = [pytest.param([place], id=place[0], marks=pytest.mark.slow) for place in LANDING]


def land_all(project: Path) -> None:
    land(gate_of(project), "orders", sorted((project / "incoming").glob("*.csv")))


def sums(project: Path, table: str) -> list[tuple[object, ...]]:
    return open_project(project).read(table).aggregate("sum(columns('amount|total'))").fetchall()


@pytest.mark.parametrize("places", [LANDING[::2], LANDING[1::2], *ALONE])
def test_a_full_disk_at_any_stage_of_landing_is_one_error_and_nothing_is_lost(tmp_path: Path, places: Places) -> None:
    """Each failure comes upon what the one before left behind; then there is room, and the same command completes."""
    project = make_project(tmp_path)
    write_orders(project, "day0.csv", (0, "ada", 1, "open"))
    land_all(project)
    for day, (stage, path) in enumerate(places, start=1):
        write_orders(project, f"day{day}.csv", (day, "ada", 1, "open"), (-day, "bob", -1, "open"))
        code, message = run_on_full_disk(project, stage, land_all)
        assert (stage, code) == (stage, "storage_failed")
        assert path in message.partition(" failed: ")[0], message
    land_all(project)
    assert sums(project, "raw.orders") == [(len(places) + 1,)]
    found = {entry.file: (entry.n_rows, entry.n_published, entry.n_quarantined) for entry in first_of_each(project)}
    assert found == {"day0.csv": (1, 1, 0)} | {f"day{day}.csv": (2, 1, 1) for day in range(1, len(places) + 1)}
    assert leftovers(project) == []


def test_a_full_disk_while_tables_are_built_fails_the_build_and_judges_nothing(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    write_orders(project, "day1.csv", (1, "ada", 1, "open"))
    land_all(project)
    for stage, path in BUILDING:
        code, message = run_on_full_disk(project, stage)
        assert (stage, code) == (stage, "storage_failed")
        assert path in message.partition(" failed: ")[0], message
    assert isinstance(build(gate_of(project)).outcomes[0], Published)
    assert sums(project, "marts.totals") == [(1,)]
    assert leftovers(project) == []


def land_without_room_and_with_it(project: Path) -> None:
    """In one process, as what watches does; a catalog that is still open could not be written any more."""
    with pytest.raises(StorageFailed, match=r"catalog\.sqlite failed"):
        land_all(project)
    assert [link for link in map(target_of, Path("/proc/self/fd").iterdir()) if "catalog.sqlite" in link] == []
    make_room()
    land_all(project)


def target_of(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return ""  # of the listing itself


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="what is open is asked of Linux")
def test_a_process_that_met_a_full_disk_in_a_commit_goes_on_when_there_is_room(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    write_orders(project, "day0.csv", (0, "ada", 1, "open"))
    land_all(project)
    write_orders(project, "day1.csv", (1, "ada", 1, "open"))
    place = "lake.writer:LakeWriter._record"
    assert run_on_full_disk(project, place, land_without_room_and_with_it, from_its_end=True) == ("done", "")
    assert sums(project, "raw.orders") == [(2,)]
    assert leftovers(project) == []


def first_of_each(project: Path) -> list[LedgerEntry]:
    return [entry for entry in ledger(open_project(project)) if entry.state is not FileState.DUPLICATE]


def leftovers(project: Path) -> list[Path]:
    home = gate_of(project).settings.home
    return [*home.workbenches.iterdir(), *home.root.rglob("*.partial"), *(home.landing / "orders").iterdir()]
