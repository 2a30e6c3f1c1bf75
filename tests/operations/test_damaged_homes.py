"""Damage of every kind: one clear error at most, nothing lost, and once it is mended the same command completes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import damage
import pytest
from damage import Damage
from small_project import gate_of, write_orders

from orchestrator_platform.cli.edge import run
from orchestrator_platform.operations.doctor import Doctor
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.operations.records_of import history
from orchestrator_platform.settings import Settings

READ = ("query", "SELECT sum(amount) FROM raw.orders")
LAND, REPLAY = ("land", "orders"), ("quarantine", "replay", "1")
FINE = (0, "")


@dataclass(frozen=True)
class Case:
    """What a reader, and the command that comes upon the damage, are told: exit code and code of the error.

    `after` is the exit code of the same command once the damage is gone, `check` the one of doctor that names it.
    """

    plant: Damage
    read: tuple[int, str]
    command: Sequence[str]
    told: tuple[int, str]
    check: str
    after: int = 0


CASES = (
    Case(damage.lose_the_table, (3, "table_file_damaged"), LAND, (3, "table_file_damaged"), "files"),
    Case(damage.cut_the_table, (3, "table_file_damaged"), LAND, (3, "table_file_damaged"), "files"),
    Case(damage.cut_the_catalog, FINE, LAND, (3, "catalog_damaged"), "catalog"),
    Case(damage.fill_the_catalog_with_noise, FINE, LAND, (3, "catalog_damaged"), "catalog"),
    Case(damage.lose_the_catalog, FINE, LAND, (3, "catalog_damaged"), "catalog"),
    Case(damage.cut_the_readers_copy, FINE, LAND, FINE, "readers"),
    Case(damage.fill_the_readers_copy_with_noise, FINE, LAND, FINE, "readers"),
    Case(damage.scratch_the_readers_copy, FINE, LAND, FINE, "readers"),
    Case(damage.lose_the_readers_copy, FINE, LAND, FINE, "readers"),
    Case(damage.lose_a_manifest, FINE, REPLAY, (3, "candidate_damaged"), "candidates", after=1),
    Case(damage.cut_a_manifest, FINE, REPLAY, (3, "candidate_damaged"), "candidates", after=1),
    Case(damage.edit_a_manifest, FINE, REPLAY, (1, "seal_broken"), "candidates", after=1),
    Case(damage.cut_the_marker, (2, "misuse"), LAND, (2, "misuse"), "marker"),
    Case(damage.lose_the_archive, FINE, LAND, FINE, "archive"),
)


def contents(settings: Settings) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in settings.home.root.rglob("*") if file.is_file()}


def call(settings: Settings, capsys: pytest.CaptureFixture[str], command: Sequence[str]) -> tuple[int, str]:
    """Returns the exit code and the code of the error that is told, which must tell what to do."""
    words = [*command, *(map(str, settings.project.root.glob("incoming/july.csv")) if command == LAND else ())]
    capsys.readouterr()
    exit_code = run(["--project", str(settings.project.root), "--home", str(settings.home.root), *words, "--json"])
    told = capsys.readouterr().err.strip()
    error = json.loads(told.splitlines()[-1]) if told.startswith("{") else {}
    assert not error or "`orchestrator " in error["message"]
    return exit_code, error.get("code", "")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.plant.__name__)
def test_damage_is_one_error_and_nothing_is_lost_for_it(
    settings: Settings, capsys: pytest.CaptureFixture[str], case: Case
) -> None:
    write_orders(settings.project.root, "july.csv", (3, "eve", 7, "open"))
    whole = contents(settings)
    case.plant(settings.home)
    hurt = {file: kept for file, kept in whole.items() if not file.exists() or file.read_bytes() != kept}
    assert hurt
    examined = Doctor(settings).examine()
    assert case.check in {ailment.check for ailment in examined.ailments}
    assert call(settings, capsys, case.command) == case.told
    if case.told != FINE:
        assert call(settings, capsys, READ) == case.read
        for file, kept in hurt.items():
            file.write_bytes(kept)
        assert call(settings, capsys, case.command) == (case.after, "")
    assert call(settings, capsys, READ) == FINE
    for file, kept in whole.items():
        if file.suffix == ".parquet" and "lake" in file.parts:
            assert file.read_bytes() == kept


def test_a_clock_that_goes_back_between_two_publications_changes_nothing_but_the_times(settings: Settings) -> None:
    folder = settings.project.root
    gate = gate_of(folder)
    ahead = replace(gate, now=lambda: gate.now() + timedelta(days=1))
    for name, order, of in (("july.csv", 3, ahead), ("august.csv", 4, gate)):
        land(of, "orders", [write_orders(folder, name, (order, "eve", 7, "open"))])
    platform = Platform(settings)
    assert sorted(platform.query("SELECT order_id FROM raw.orders").fetchall()) == [(1,), (2,), (3,), (4,)]
    newest, before = history(platform, "raw.orders")[:2]
    assert (newest.version, before.version) == (4, 3)
    assert newest.published_at < before.published_at
    assert "clock" in {ailment.check for ailment in Doctor(settings).examine().ailments}
