"""Every kind of damage is planted in a healthy home, found by name, and mended where that is safe."""

import importlib.metadata
import os
import shutil
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator_platform.errors import NotPermitted
from orchestrator_platform.lake.layout import LakeLayout
from orchestrator_platform.lake.session import connect
from orchestrator_platform.lake.writer import open_writer
from orchestrator_platform.operations.doctor import Doctor
from orchestrator_platform.records.upkeep import Severity
from orchestrator_platform.settings import Home, Settings

HOURS_AGO = 5 * 3600


def parquet(home: Home, asset: str) -> Path:
    file = next((home.lake / "data" / asset.replace(".", "/")).glob("*.parquet"))
    file.chmod(0o644)
    return file


def flip_a_byte(home: Home) -> None:
    file = parquet(home, "raw.orders")
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(content)


def lose_an_archived_file(home: Home) -> None:
    next(path for path in home.archive.rglob("*") if path.is_file()).unlink()


def forget_the_receipts(home: Home) -> None:
    with open_writer(LakeLayout(home.lake), 5) as writer:
        writer.connection.execute("DELETE FROM lake._platform.receipts WHERE asset = 'marts.totals'")


def write_from_outside(home: Home) -> None:
    with connect() as connection:
        connection.execute(f"ATTACH 'ducklake:sqlite:{home.lake}/catalog.sqlite' AS lake (META_JOURNAL_MODE 'WAL')")
        connection.execute("CREATE TABLE lake.marts.mine AS SELECT 1 AS v")


def overwrite(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.seek(5000)
        opened.write(b"\xff" * 6000)


def leave_a_file(home: Home) -> None:
    file = home.lake / "data" / "raw" / "orders" / "killed-rows.parquet"
    file.write_bytes(b"left")
    at = datetime.now(UTC).timestamp() - 30 * HOURS_AGO
    os.utime(file, (at, at))


def move_it(home: Home) -> None:
    with open_writer(LakeLayout(home.lake), 5) as writer:
        catalog = writer.layout.catalog
    from orchestrator_platform.lake.catalog import relocate

    relocate(catalog, Path("/elsewhere/lake/data"))


BEYOND_REPAIR: dict[str, tuple[Callable[[Home], object], str, str]] = {
    "a file is missing": (lambda home: parquet(home, "marts.totals").unlink(), "files", "is missing; marts.totals"),
    "a file is cut": (lambda home: os.truncate(parquet(home, "marts.totals"), 50), "files", "has 50 bytes and should"),
    "a byte is flipped": (flip_a_byte, "files", "other bytes than were judged; raw.orders"),
    "a landed file is lost": (lose_an_archived_file, "archive", "is missing"),
    "a candidate is lost": (
        lambda home: shutil.rmtree(next(path for path in home.candidates.iterdir() if path.is_dir())),
        "candidates",
        "its files are gone",
    ),
    "a head has no receipt": (forget_the_receipts, "receipts", "no receipt tells"),
    "somebody else wrote": (write_from_outside, "foreign", "no receipt explains it"),
    "the catalog is damaged": (lambda home: overwrite(home.lake / "catalog.sqlite"), "catalog", "is damaged"),
}
REPAIRABLE: dict[str, tuple[Callable[[Home], object], str]] = {
    "the marker is half written": (lambda home: home.marker.write_text('{"for'), "marker"),
    "a marker was being written": (lambda home: home.marker.with_suffix(".json.partial").write_text("{"), "marker"),
    "the readers' copy is damaged": (lambda home: overwrite(home.lake / "readers.sqlite"), "readers"),
    "the readers' copy is gone": (lambda home: (home.lake / "readers.sqlite").unlink(), "readers"),
    "the home was moved": (move_it, "moved"),
    "a run was killed": (lambda home: (home.workbenches / "20240101T000000000000-x").mkdir(), "leftovers"),
    "a publication was killed": (leave_a_file, "leftovers"),
    "the journal is behind": (lambda home: (home.projections / "journal.json").unlink(), "projections"),
}


def test_a_healthy_home_has_no_ailment(settings: Settings) -> None:
    examined = Doctor(settings).examine()
    assert examined.ailments == ()
    assert examined.is_healthy
    assert examined.n_versions == 4
    assert examined.n_hashed >= 4


@pytest.mark.parametrize("name", BEYOND_REPAIR)
def test_damage_is_found_by_name_with_the_command_to_run(name: str, settings: Settings) -> None:
    plant, check, problem = BEYOND_REPAIR[name]
    plant(settings.home)
    examined = Doctor(settings).examine()
    found = next(ailment for ailment in examined.ailments if ailment.check == check)
    assert problem in found.problem
    assert found.severity is Severity.ERROR
    assert found.command.startswith("orchestrator restore")
    assert not found.fix
    assert not examined.is_healthy


@pytest.mark.parametrize("name", REPAIRABLE)
def test_what_is_safe_is_mended(name: str, settings: Settings) -> None:
    plant, check = REPAIRABLE[name]
    plant(settings.home)
    before = Doctor(settings).examine()
    assert [ailment.check for ailment in before.ailments] == [check]
    assert not before.is_healthy
    mended = Doctor(settings).mend(by="ada")
    assert [(ailment.check, ailment.fixed) for ailment in mended.ailments] == [(check, True)]
    assert Doctor(settings).examine().ailments == ()


def test_a_flipped_byte_is_not_seen_where_it_is_to_be_quick(settings: Settings) -> None:
    flip_a_byte(settings.home)
    assert Doctor(settings, quick=True).examine().ailments == ()


def test_a_clock_that_went_back_is_told(settings: Settings) -> None:
    at = datetime.now(UTC) - timedelta(days=1)
    (found,) = Doctor(settings, now=lambda: at).examine().ailments
    assert (found.check, "was published at" in found.problem) == ("clock", True)


def test_a_full_disk_and_a_part_that_is_not_supported_are_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")  # noqa: PYI024
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 10**12 - 1000, 1000))
    version = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.1" if name == "duckdb" else version(name))
    found = {ailment.check: ailment for ailment in Doctor(settings).examine().ailments}
    assert set(found) == {"disk", "parts"}
    assert (found["parts"].culprit, found["parts"].problem) == ("duckdb", "is 0.1, supported is ==1.5.5")


def test_no_agent_mends_unless_its_file_says_so_and_an_empty_home_is_healthy(
    settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(NotPermitted, match="--by NAME"):
        Doctor(settings).mend()
    (tmp_path / "home.json").write_text('{"format": 2}')
    assert Doctor(replace(settings, home=Home(tmp_path))).examine().is_healthy
