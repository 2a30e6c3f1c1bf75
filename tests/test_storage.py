import errno
import sqlite3
from pathlib import Path

import duckdb
import pytest

from orchestrator_platform.errors import PythonTableFailed, StorageFailed
from orchestrator_platform.storage import storage_failure, writing

HOME = Path("/home/of/it")


def test_a_full_database_is_told_from_one_that_is_wrong(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.sqlite") as database:
        database.execute("PRAGMA max_page_count = 2")
        with pytest.raises(StorageFailed, match="/home/of/it failed: database or disk is full"), writing(HOME):
            database.executescript("CREATE TABLE a (x); CREATE TABLE b (x); CREATE TABLE c (x)")
        with pytest.raises(sqlite3.OperationalError, match="no such table"), writing(HOME):
            database.execute("SELECT * FROM nowhere")


def test_what_led_to_an_error_counts_and_its_path_is_named() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/mnt/rows.parquet")
    wrapped = PythonTableFailed(file="t.py", line=1, function="f", problem="raised", fix="")
    wrapped.__cause__ = full
    found = storage_failure(wrapped, HOME)
    assert found is not None
    assert (found.path, found.problem, found.retryable) == (Path("/mnt/rows.parquet"), "No space left on device", True)


@pytest.mark.parametrize("sql", ["SELECT 'No space left on device'::INT", "SELECT error('disk I/O error')"])
def test_data_that_speaks_of_a_full_disk_is_no_full_disk(sql: str) -> None:
    with pytest.raises(duckdb.Error) as raised:
        duckdb.connect().execute(sql).fetchall()
    assert storage_failure(raised.value, HOME) is None
    assert storage_failure(PermissionError(errno.EACCES, "denied"), HOME) is None
