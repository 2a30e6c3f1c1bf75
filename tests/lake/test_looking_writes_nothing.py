import sqlite3
from pathlib import Path

from orchestrator_platform.lake.layout import LakeLayout
from orchestrator_platform.lake.readers import latest_snapshot
from orchestrator_platform.lake.writer import open_writer


def test_looking_at_the_catalog_leaves_no_file_behind(tmp_path: Path) -> None:
    layout = LakeLayout(tmp_path)
    with open_writer(layout, 10):
        pass
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert latest_snapshot(layout.catalog) == latest_snapshot(layout.readers) == 1
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_commit_that_is_still_in_the_write_ahead_log_is_seen(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.sqlite"
    writer = sqlite3.connect(catalog, isolation_level=None)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("PRAGMA wal_autocheckpoint = 0")
    writer.execute("CREATE TABLE ducklake_snapshot (snapshot_id BIGINT)")
    writer.execute("INSERT INTO ducklake_snapshot VALUES (7)")
    assert catalog.with_name("catalog.sqlite-wal").stat().st_size
    assert latest_snapshot(catalog) == 7
    writer.close()
    assert latest_snapshot(catalog) == 7


def test_a_file_that_holds_no_lake_yet_has_no_snapshot(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").touch()
    assert latest_snapshot(tmp_path / "catalog.sqlite") is None
