"""A catalog is copied as of one instant, whoever writes to it meanwhile."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator_platform.lake.catalog import copy_catalog, open_at_one_instant

N_ROWS = 5000


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """More pages than SQLite keeps in memory, all rows of one number, and no log beside the file."""
    path = tmp_path / "lake" / "catalog.sqlite"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (number INTEGER, filling TEXT)")
        connection.executemany("INSERT INTO t VALUES (0, ?)", [("x" * 800,)] * N_ROWS)
        connection.commit()
    assert list(path.parent.iterdir()) == [path]
    return path


def test_a_writer_that_commits_and_closes_meanwhile_changes_nothing_of_what_is_read(catalog: Path) -> None:
    with open_at_one_instant(catalog) as reading:
        reading.execute("BEGIN")
        assert reading.execute("SELECT number FROM t LIMIT 1").fetchone() == (0,)
        with closing(sqlite3.connect(catalog)) as writing:
            writing.execute("UPDATE t SET number = 1")
            writing.commit()
        assert reading.execute("SELECT DISTINCT number FROM t").fetchall() == [(0,)]


def test_a_copy_leaves_the_catalog_and_its_folder_as_they_were(catalog: Path, tmp_path: Path) -> None:
    before = (catalog.read_bytes(), catalog.stat().st_mtime_ns)
    copy_catalog(catalog, tmp_path / "copy.sqlite")
    assert (catalog.read_bytes(), catalog.stat().st_mtime_ns) == before
    assert list(catalog.parent.iterdir()) == [catalog]
