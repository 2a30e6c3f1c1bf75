"""A home is copied while it is at work and made again from the copy at any place; a damaged copy is refused by name."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from small_project import gate_of, write_orders

from orchestrator_platform.errors import BackupDamaged, Fault, LockTimeout, Misuse, NotPermitted
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.operations import backup as backing_up
from orchestrator_platform.operations.backup import back_up, verify
from orchestrator_platform.operations.backup_store import BackupStore
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.doctor import Doctor
from orchestrator_platform.operations.gc import collect_garbage
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.operations.records_of import history, ledger, quarantine
from orchestrator_platform.operations.restore import restore, try_restore
from orchestrator_platform.settings import Home, Settings


def at(settings: Settings, home: Path) -> Settings:
    return replace(settings, home=Home(home))


def gate(settings: Settings) -> Gate:
    return replace(gate_of(settings.project.root), settings=settings)


def land_one(settings: Settings, number: int, *, amount: int = 10) -> None:
    file = write_orders(settings.project.root, f"file{number}.csv", (number, f"c{number}", amount, "open"))
    land(gate(settings), "orders", [file])


def test_a_home_is_made_again_at_another_place_and_goes_on(settings: Settings, tmp_path: Path) -> None:
    waits = settings.home.landing / "orders" / "waits.csv"
    waits.parent.mkdir(parents=True, exist_ok=True)
    waits.write_text("order_id,customer,amount,status\n9,zoe,1,open\n")
    first = back_up(settings, tmp_path / "copy", by="ada")
    assert first.is_new
    restored = at(settings, tmp_path / "elsewhere" / "home")
    done = restore(restored, tmp_path / "copy", by="ada")
    assert (done.name, done.backup.snapshot) == (first.name, first.backup.snapshot)
    old, new = Platform(settings), Platform(restored)
    for asset in ("raw.orders", "marts.totals"):
        assert sorted(new.read(asset).fetchall()) == sorted(old.read(asset).fetchall())
        assert history(new, asset) == history(old, asset)
    assert len(new.read("raw.orders", version=1).fetchall()) == 1
    assert (ledger(new), quarantine(new)) == (ledger(old), quarantine(old))
    assert Doctor(restored).examine().ailments == ()
    land(gate(restored), "orders", [])
    build(gate(restored))
    assert len(Platform(restored).read("raw.orders").fetchall()) == 3, "what waited in landing waits there again"
    assert len(Platform(settings).read("raw.orders").fetchall()) == 2


def test_only_what_is_new_is_copied(settings: Settings, tmp_path: Path) -> None:
    first = back_up(settings, tmp_path, by="ada")
    assert first.n_copied >= len({file.sha256 for file in first.backup.files})
    again = back_up(settings, tmp_path, by="ada")
    assert (again.is_new, again.n_copied, again.name) == (False, 0, first.name)
    land_one(settings, 5)
    third = back_up(settings, tmp_path, by="ada")
    assert third.is_new
    assert 0 < third.n_copied < first.n_copied
    assert verify(tmp_path)[0] == third.name
    earlier = at(settings, tmp_path.with_name(f"{tmp_path.name}-earlier"))
    restore(earlier, tmp_path, name=first.name, by="ada")
    assert len(Platform(earlier).read("raw.orders").fetchall()) == 2


def test_what_is_published_meanwhile_is_there_whole_or_waits_in_landing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies, runs = backing_up.copy_catalog, []

    def lands_around(source: Path, target: Path) -> None:
        land_one(settings, 6)
        copies(source, target)
        land_one(settings, 7)
        runs.append(1)

    with monkeypatch.context() as patched:
        patched.setattr(backing_up, "copy_catalog", lands_around)
        back_up(settings, tmp_path / "copy", by="ada")
    assert runs == [1]
    restored = at(settings, tmp_path / "home")
    restore(restored, tmp_path / "copy", by="ada")
    found = {row[0] for row in Platform(restored).read("raw.orders").fetchall()}
    assert found == {1, 2, 6}, "one instant: file 7 came after it"
    assert Doctor(restored).examine().ailments == ()
    land_one(restored, 7)
    assert len(Platform(restored).read("raw.orders").fetchall()) == 4


def test_nothing_is_freed_while_it_is_copied(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = backing_up.copy_catalog

    def frees_first(source: Path, target: Path) -> None:
        with pytest.raises(LockTimeout):
            collect_garbage(Platform(replace(settings, lock_timeout_seconds=0.1)), by="ada")
        copies(source, target)

    monkeypatch.setattr(backing_up, "copy_catalog", frees_first)
    assert back_up(settings, tmp_path, by="ada").is_new


def flip(file: Path) -> None:
    file.chmod(0o644)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], object]] = {"has other bytes": flip, "is missing": Path.unlink}


@pytest.mark.parametrize("problem", DAMAGE)
@pytest.mark.parametrize("ending", ["parquet", "csv", "sqlite"])
def test_a_damaged_backup_is_refused_and_the_file_named(
    settings: Settings, tmp_path: Path, problem: str, ending: str
) -> None:
    done = back_up(settings, tmp_path / "copy", by="ada")
    suffix = {"csv": lambda path: path.startswith("archive")}.get(ending, lambda path: path.endswith(ending))
    file = next(file for file in done.backup.files if suffix(file.path))
    damaged = BackupStore(tmp_path / "copy").object(file.sha256)
    DAMAGE[problem](damaged)
    target = at(settings, tmp_path / "home")
    for attempt in (lambda: try_restore(target, tmp_path / "copy"), lambda: restore(target, tmp_path / "copy", by="a")):
        with pytest.raises(BackupDamaged, match=problem) as caught:
            attempt()
        assert caught.value.file == damaged
        assert file.path in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["copy"], "nothing is left of the attempt"


def test_a_damaged_list_of_files_is_refused(settings: Settings, tmp_path: Path) -> None:
    done = back_up(settings, tmp_path / "copy", by="ada")
    listed = BackupStore(tmp_path / "copy").lists / f"{done.name}.json"
    listed.write_text(listed.read_text().replace("archive", "archivf", 1))
    with pytest.raises(BackupDamaged, match=done.name):
        restore(at(settings, tmp_path / "home"), tmp_path / "copy", by="ada")


def test_a_home_that_holds_anything_is_not_restored_into(settings: Settings, tmp_path: Path) -> None:
    back_up(settings, tmp_path / "copy", by="ada")
    before = sorted(path for path in settings.home.root.rglob("*") if path.is_file())
    with pytest.raises(Misuse, match="is not empty"):
        restore(settings, tmp_path / "copy", by="ada")
    assert sorted(path for path in settings.home.root.rglob("*") if path.is_file()) == before


def test_a_damaged_home_is_not_copied_over_a_good_backup(settings: Settings, tmp_path: Path) -> None:
    good = back_up(settings, tmp_path / "copy", by="ada")
    lost = next((settings.home.lake / "data" / "marts").rglob("*.parquet"))
    lost.unlink()
    with pytest.raises(Fault, match=lost.name):
        back_up(settings, tmp_path / "copy", by="ada")
    assert BackupStore(tmp_path / "copy").names() == (good.name,)


def test_a_place_that_cannot_hold_a_backup_is_refused(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(Misuse, match="holds something that is no backup"):
        back_up(settings, tmp_path, by="ada")
    with pytest.raises(Misuse, match="cannot lie inside"):
        back_up(settings, settings.home.root / "copy", by="ada")
    with pytest.raises(Misuse, match="holds nothing yet"):
        back_up(at(settings, tmp_path / "none"), tmp_path / "copy", by="ada")
    with pytest.raises(NotPermitted, match="--by NAME"):
        back_up(settings, tmp_path / "copy")
    with pytest.raises(Misuse, match="has no backup"):
        restore(at(settings, tmp_path / "home"), tmp_path / "copy", by="ada", now=lambda: datetime.now(UTC))
