"""Looking after a home, at the prompt."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from made_once import MadeOnce
from small_project import make_project, write_orders

from orchestrator_platform import Platform
from orchestrator_platform.cli.edge import run
from orchestrator_platform.errors import Misuse, VersionNotKept

Call = Callable[..., object]
KEEP_ONE = "\n[tool.orchestrator.retention]\ndays = 0\nversions = 1\nreader_hours = 0\n"


def make_three_days(folder: Path) -> None:
    make_project(folder)
    with (folder / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(KEEP_ONE)
    for number in (1, 2, 3):
        drop = write_orders(folder, f"day{number}.csv", (number, f"customer{number}", 10 * number, "open"))
        assert run(["--project", str(folder), "land", "orders", str(drop)]) == 0
        assert run(["--project", str(folder), "build"]) == 0


@pytest.fixture
def thrice(made_once: MadeOnce) -> Path:
    """A project with three versions of everything, of which one is to be kept."""
    return made_once(make_three_days)


def test_gc_says_what_would_be_freed_then_frees_it(orchestrator: Call, thrice: Path) -> None:
    tried = orchestrator(thrice, "gc", "--dry-run")
    assert tried.code == 0, tried.err
    assert tried.out.startswith("would be freed: 4 versions of 3 assets, ")
    assert "  raw.orders: 1–2\n" in tried.out
    assert orchestrator(thrice, "query", "select 1 from raw.orders", "--json").code == 0

    refused = orchestrator(thrice, "gc", "--by", "judge")
    assert (refused.code, "a person may: --by NAME" in refused.err) == (1, True)

    done = orchestrator(thrice, "gc", "--by", "ada")
    assert done.code == 0, done.err
    assert re.search(r"kB are free now; read again and right: (marts|raw)\.", done.out)
    assert len(json.loads(orchestrator(thrice, "history", "raw.orders", "--json").out)) == 3, "receipts stay"
    gone = orchestrator(thrice, "rollback", "raw.orders", "--to", "1", "--why", "back")
    assert (gone.code, "raw.orders" in gone.err) == (2, True), gone.err
    assert re.search(r"person:ada +gc +lake", orchestrator(thrice, "journal").out)

    orchestrator(thrice, "gc")
    told = json.loads(orchestrator(thrice, "gc", "--dry-run", "--json").out)
    assert (told["done"], told["plan"]["versions"], told["plan"]["size_bytes"]) == (False, [], 0)


def test_versions_whose_rows_were_freed_are_refused_by_name(orchestrator: Call, thrice: Path) -> None:
    orchestrator(thrice, "gc")
    platform = Platform.open(project=thrice)
    with pytest.raises(VersionNotKept):
        platform.read("raw.orders", version=1)
    with pytest.raises(Misuse, match="snapshot 4"):
        platform.at(4).read("raw.orders")
    assert len(platform.read("raw.orders", version=3).fetchall()) == 3


def test_the_doctor_tells_and_mends(orchestrator: Call, thrice: Path) -> None:
    home = thrice / ".orchestrator"
    well = orchestrator(thrice, "doctor")
    assert (well.code, well.err) == (0, "")
    assert re.fullmatch(r"9 versions and \d+ files looked at, 9 of them read whole: nothing is wrong\.\n", well.out)
    home.joinpath("home.json").write_text("{")
    (home / "workbenches" / "20240101T000000000000-x").mkdir()
    ill = orchestrator(thrice, "doctor", "--quick")
    assert ill.code == 1
    assert f"error  marker: {home / 'home.json'} cannot be read" in ill.out
    assert (
        "warn  leftovers: workbenches/20240101T000000000000-x was left by a run that was killed\n       run: "
        in ill.out
    )
    assert ill.out.endswith("0 of them read whole: 2 problems.\n")
    mended = orchestrator(thrice, "doctor", "--fix", "--json")
    assert mended.code == 0, mended.out
    assert [ailment["fixed"] for ailment in json.loads(mended.out)["ailments"]] == [True, True]
    assert re.search(r"person:.+ +repair +home", orchestrator(thrice, "journal").out)


def test_a_backup_is_taken_verified_and_restored_elsewhere(orchestrator: Call, thrice: Path, tmp_path: Path) -> None:
    copy, new = tmp_path / "copy", tmp_path / "new"
    refused = orchestrator(thrice, "backup", copy, "--by", "judge")
    assert (refused.code, "a person may: --by NAME" in refused.err) == (1, True)
    taken = orchestrator(thrice, "backup", copy, "--by", "ada")
    assert re.fullmatch(r"backup \S+: \d+ files, [\d.]+ kB; copied \d+ files, [\d.]+ kB\n", taken.out), taken.err
    assert orchestrator(thrice, "backup", copy, "--by", "ada").out.startswith("nothing changed since backup ")
    name = json.loads(orchestrator(thrice, "backup", copy, "--verify", "--json").out)["name"]
    full = orchestrator(thrice, "restore", copy)
    assert (full.code, "is not empty" in full.err) == (2, True)
    tried = orchestrator(thrice, "restore", copy, "--home", new, "--dry-run")
    assert tried.out.startswith(f"would be restored from backup {name}: ")
    assert not new.exists()
    done = orchestrator(thrice, "restore", copy, "--home", new, "--backup", name, "--by", "ada")
    assert done.out.startswith(f"restored from backup {name}: "), done.err
    count = orchestrator(thrice, "--home", new, "query", "select count(*) n from marts.totals", "--json")
    assert count.out == '[{"n": 3}]\n'
    assert re.search(r"person:ada +restore +home", orchestrator(thrice, "--home", new, "journal").out)
    assert orchestrator(thrice, "--home", new, "doctor").code == 0
