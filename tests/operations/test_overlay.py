"""A home over another one: everything works in it, and not a byte below changes, whatever is freed above."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from ci_project import ADA, over
from made_once import MadeOnce
from small_project import gate_of, make_project, open_project, write, write_orders

from orchestrator_platform.errors import HomeMoved, LockTimeout, Misuse
from orchestrator_platform.operations.audit import audit_again
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.ci import CiOptions, run_ci
from orchestrator_platform.operations.gc import collect_garbage
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.overlay import overlay_alone, prepare_home
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.operations.replay import replay
from orchestrator_platform.operations.rollback import Goal, rollback
from orchestrator_platform.settings import Home, Retention, Settings

NOTHING_KEPT = Retention(days=0, versions=0, rejected=0, rejected_days=0, reader_hours=0)


def make_two_versions(folder: Path) -> None:
    """Every table has two versions, and a row of each file waits in quarantine."""
    make_project(folder)
    for day in (1, 2):
        file = write_orders(folder, f"{day}.csv", (day, "ann", 10 * day, "open"), (day + 10, "bob", -1, "open"))
        land(gate_of(folder), "orders", [file])
        build(gate_of(folder))


@pytest.fixture
def folder(made_once: MadeOnce) -> Path:
    return made_once(make_two_versions)


def opened(settings: Settings) -> Platform:
    prepare_home(settings)
    return Platform(settings)


def bytes_of(home: Path) -> dict[str, str]:
    files = (path for path in sorted(home.rglob("*")) if path.is_file())
    return {str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def totals(platform: Platform) -> list[tuple[object, ...]]:
    return platform.query("SELECT customer, total FROM marts.totals ORDER BY ALL").fetchall()


def test_whatever_is_done_and_freed_above_nothing_below_changes(folder: Path) -> None:
    before = bytes_of(folder / "home")
    above = opened(replace(over(folder), retention=NOTHING_KEPT))
    assert totals(above) == [("ann", 30.0)]
    land(above.gate, "orders", [write_orders(folder, "3.csv", (3, "eve", 5, "paid"))])
    assert not build(above.gate).is_no
    assert totals(above) == [("ann", 30.0), ("eve", 5.0)]
    rollback(above.gate, Goal(asset="marts.totals", version=2), why="a test")
    for _ in range(2):
        collect_garbage(above, by="ann")
    assert totals(above) == [("ann", 30.0)]
    assert audit_again(above.gate, "raw.orders").verdict.decision == "approve"
    assert bytes_of(folder / "home") == before
    below = open_project(folder)
    assert below.read("marts.totals", version=1).fetchall() == [("ann", 10.0)]


def test_what_waits_below_can_be_judged_again_above(folder: Path) -> None:
    above = opened(over(folder))
    done = replay(above.gate, 1, dry_run=True)
    assert dict(done.still_bad) == {"amount ≥ 0": 1}


def test_what_is_published_below_later_is_not_seen_until_it_is_made_anew(folder: Path) -> None:
    above = opened(over(folder))
    land(gate_of(folder), "orders", [write_orders(folder, "3.csv", (3, "eve", 5, "paid"))])
    build(gate_of(folder))
    assert totals(opened(above.settings)) == [("ann", 30.0)]
    assert totals(open_project(folder)) == [("ann", 30.0), ("eve", 5.0)]


def test_a_lake_that_was_moved_is_read_where_it_is_and_one_that_lacks_files_is_refused(folder: Path) -> None:
    moved = (folder / "home").rename(folder / "moved")
    assert totals(opened(over(folder, lake=moved))) == [("ann", 30.0)]
    next((moved / "lake/data/marts/totals").glob("*.parquet")).unlink()
    for file in (moved / "lake/data/marts/totals").glob("*.parquet"):
        file.unlink()
    with pytest.raises(HomeMoved):
        opened(over(folder, lake=moved, place=folder / "second"))


@pytest.mark.parametrize("held", ["landing/orders/1.csv", "archive/notes.txt", "readme.md"])
def test_nothing_is_made_in_a_folder_that_holds_something_else(folder: Path, held: str) -> None:
    mine = write(folder / "mine" / held, "not to be lost")
    with pytest.raises(Misuse, match=f"holds {held.split('/', maxsplit=1)[0]}"):
        run_ci(over(folder, place=folder / "mine"), CiOptions(), ADA)
    assert mine.read_text(encoding="utf-8") == "not to be lost"
    assert [path for path in (folder / "mine").rglob("*") if path.is_file()] == [mine]


def test_nothing_is_made_within_the_lake_that_is_only_read(folder: Path) -> None:
    with pytest.raises(Misuse, match="only read"):
        opened(over(folder, place=folder / "home/over"))
    assert not (folder / "home/over").exists()
    before = sorted((folder / "home").rglob("*"))
    with pytest.raises(Misuse, match="only read"):
        run_ci(over(folder, place=folder / "home/over"), CiOptions(), ADA)
    assert sorted((folder / "home").rglob("*")) == before


def test_nothing_is_made_where_nothing_is_published_below(folder: Path) -> None:
    with pytest.raises(Misuse, match="Nothing is published in"):
        run_ci(over(folder, lake=folder / "nothing", place=folder / "above"), CiOptions(), ADA)
    assert not (folder / "above").exists()
    assert not (folder / "nothing").exists()


def test_an_overlay_is_not_taken_away_from_who_works_in_it(folder: Path) -> None:
    with overlay_alone(Home(folder / "home"), over(folder).home), pytest.raises(LockTimeout):
        run_ci(over(folder), CiOptions(), ADA)
    assert not run_ci(over(folder), CiOptions(), ADA).is_no


def test_what_was_half_copied_is_copied_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def copy_half(source: Path, target: Path) -> None:
        is_stopped = "evidence" in source.parts
        target.write_bytes(source.read_bytes()[: 1 if is_stopped else None])
        if is_stopped:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("orchestrator_platform.operations.overlay.shutil.copyfile", copy_half)
        with pytest.raises(KeyboardInterrupt):
            opened(over(folder))
    above = opened(over(folder)).settings.home
    kept = bytes_of(folder / "home/evidence")
    assert kept
    assert {name: sha256 for name, sha256 in bytes_of(above.evidence).items() if name in kept} == kept


def test_an_overlay_stays_over_what_it_was_made_over(folder: Path) -> None:
    above = over(folder)
    opened(above)
    with pytest.raises(Misuse, match="lies over"):
        prepare_home(replace(above, over=folder / "other"))
