"""A small table that grows file by file is written anew as one, and nobody who reads a version sees a difference."""

import signal
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from killed_run import run_killed
from made_once import MadeOnce
from small_project import gate_of, make_project, open_project, write_orders

from orchestrator_platform.errors import VersionDamaged
from orchestrator_platform.gate import compact
from orchestrator_platform.gate.compact import compact_if_many
from orchestrator_platform.lake import writer
from orchestrator_platform.lake.catalog import measure_files, open_catalog
from orchestrator_platform.lake.compacting import Compacted
from orchestrator_platform.lake.history import read_receipts
from orchestrator_platform.lake.layout import LakeLayout
from orchestrator_platform.lake.lock import writer_lock
from orchestrator_platform.lake.maintenance import require_unharmed
from orchestrator_platform.lake.readers import connect_reader
from orchestrator_platform.operations.diff import diff_states
from orchestrator_platform.operations.doctor import Doctor
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.records_of import journal
from orchestrator_platform.operations.rollback import Goal, rollback
from orchestrator_platform.records.keys import AssetKey, Version

ORDERS = AssetKey("raw.orders")
MANY = 3


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact, "MANY_FILES", MANY)


def land_next(folder: Path) -> None:
    compact.MANY_FILES = MANY
    gate = gate_of(folder)
    number = 1 + sum(head.version for head in gate.cut().heads.values())
    assert not land(gate, "orders", [write_orders(folder, f"day{number}.csv", (number, "ann", 10, "open"))]).is_no


def make_two_versions(folder: Path) -> None:
    make_project(folder)
    for _ in range(MANY - 1):
        land_next(folder)


@pytest.fixture
def project(made_once: MadeOnce) -> Path:
    return made_once(make_two_versions)


def n_files(folder: Path) -> int:
    with open_catalog(_layout(folder).readers) as catalog:
        return measure_files(catalog, ORDERS)[0]


def readable(folder: Path) -> list[Version]:
    """The versions whose rows are what their receipts say."""
    with closing(connect_reader(_layout(folder))) as connection:
        receipts = read_receipts(connection, ORDERS)
    for receipt in receipts:
        with closing(connect_reader(_layout(folder), receipt.snapshot)) as connection:
            require_unharmed(connection, "lake", receipt)
    return sorted(receipt.version for receipt in receipts)


def _layout(folder: Path) -> LakeLayout:
    return gate_of(folder).layout


def test_a_table_lies_in_few_files_however_often_files_are_landed(project: Path) -> None:
    for expected in (1, 2, 1):
        land_next(project)
        assert n_files(project) == expected
    assert readable(project) == [1, 2, 3, 4, 5]
    assert [event.subject for event in journal(open_project(project)) if event.act == "compact"] == [ORDERS] * 2
    assert Doctor(open_project(project).settings).examine().is_healthy
    # A version is told from another as if nothing had been, and taken back.
    for before, after in ((2, 4), (3, 4), (1, 5)):
        told = diff_states(open_project(project), ORDERS, from_version=before, to_version=after)
        assert (told.n_added, told.n_removed, told.n_changed) == (after - before, 0, 0)
    rollback(gate_of(project), Goal(ORDERS, 2), by="ada", why="a test")
    assert open_project(project).query("SELECT order_id FROM raw.orders ORDER BY 1").fetchall() == [(1,), (2,)]


def test_a_large_table_waits_for_gc(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact, "_SMALL_BYTES", 1)
    land_next(project)
    assert n_files(project) == MANY


def test_what_fails_is_said_and_done_after_the_next_publication(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(compact, "_SMALL_BYTES", 1)
        land_next(project)
    said: list[str] = []
    gate = gate_of(project)
    impatient = replace(gate, settings=replace(gate.settings, lock_timeout_seconds=0.1), say=said.append)
    with writer_lock(gate.layout.lock, 5):
        compact_if_many(impatient, ORDERS)
    assert len(said) == 1
    assert "still lies in many files" in said[0]
    assert len(list((gate.layout.data / "raw" / "orders").iterdir())) == MANY, "nothing is left behind"
    assert (n_files(project), readable(project)) == (MANY, [1, 2, 3])
    land_next(project)
    assert (n_files(project), readable(project)) == (1, [1, 2, 3, 4])


@pytest.mark.parametrize(
    ("function", "when"),
    [("write_compacted", "before"), ("write_compacted", "after"), ("compact", "after")],
)
def test_a_kill_while_compacting_loses_nothing(project: Path, function: str, when: str) -> None:
    place = "orchestrator_platform.gate.compact"
    assert run_killed(project, place, function, when, work=land_next) == -signal.SIGKILL
    assert readable(project) == [1, 2, 3]
    land_next(project)
    assert readable(project) == [1, 2, 3, 4]
    assert n_files(project) < MANY


def amounts(folder: Path) -> list[int]:
    return [row[0] for row in open_project(folder).query("SELECT amount FROM raw.orders ORDER BY ALL").fetchall()]


def write_others(file: Path) -> None:
    """As many rows of the same columns, with other amounts."""
    file.chmod(0o644)
    with closing(duckdb.connect()) as connection:
        query = f"SELECT * REPLACE (amount + 989 AS amount) FROM '{file}'"
        connection.execute(f"CREATE TABLE others AS {query}")
        connection.execute(f"COPY others TO '{file}' (FORMAT parquet)")


def test_a_file_that_is_changed_before_the_commit_is_not_committed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = compact.write_compacted

    def changed(*given: Any) -> Compacted:
        compacted = written(*given)
        write_others(compacted.file)
        return compacted

    monkeypatch.setattr(compact, "write_compacted", changed)
    land_next(project)
    assert amounts(project) == [10, 10, 10]
    assert n_files(project) == MANY
    assert Doctor(open_project(project).settings).examine().is_healthy, "nothing is left behind"


def test_what_was_committed_and_not_read_again_is_read_before_anybody_sees_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed: list[Path] = []
    applied = writer.apply_compacted

    def apply(connection: duckdb.DuckDBPyConnection, compacted: Compacted) -> None:
        applied(connection, compacted)
        committed.append(compacted.file)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(writer, "apply_compacted", apply)
    with monkeypatch.context() as patch:
        patch.setattr(writer, "require_unharmed", killed)
        with pytest.raises(KeyboardInterrupt):
            land_next(project)
    write_others(committed[0])
    before = amounts(project)
    with pytest.raises(VersionDamaged):
        land_next(project)
    assert amounts(project) == before == [10, 10, 10]
