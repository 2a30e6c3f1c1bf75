"""A home made before a platform table was: readers read it, and the next writer completes it."""

from pathlib import Path

import pytest
from publishing import close, publish, rows

from orchestrator_platform.errors import ForeignSnapshot
from orchestrator_platform.lake import platform_tables
from orchestrator_platform.lake.history import kept_snapshots, read_outbox, read_releases, read_retractions
from orchestrator_platform.lake.layout import LakeLayout
from orchestrator_platform.lake.readers import connect_reader, latest_snapshot
from orchestrator_platform.lake.writer import open_writer

NEWER = {"retracted", "releases"}


def _older_home(root: Path, monkeypatch: pytest.MonkeyPatch) -> LakeLayout:
    with monkeypatch.context() as patched:
        for name in NEWER:
            patched.delitem(platform_tables.TABLES, name)
        publish(root, close(root, "a.t", "SELECT 1 AS v"))
    return LakeLayout(root / "lake")


def test_an_older_home_is_read_as_one_where_nothing_was_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connect_reader(_older_home(tmp_path, monkeypatch))
    assert not platform_tables.platform_tables(connection) & NEWER
    assert read_retractions(connection) == read_releases(connection) == ()
    assert kept_snapshots(connection) == frozenset()
    connection.close()


def test_the_next_writer_completes_an_older_home_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = _older_home(tmp_path, monkeypatch)
    before = latest_snapshot(layout.catalog)
    assert before is not None
    for _ in range(2):
        with open_writer(layout, 5) as writer:
            assert platform_tables.platform_tables(writer.connection) >= NEWER
    assert latest_snapshot(layout.catalog) == latest_snapshot(layout.readers) == before + 1
    connection = connect_reader(layout)
    assert [event.act for _, event in read_outbox(connection, after=before)] == ["migrate"]
    connection.close()
    publish(tmp_path, close(tmp_path, "a.t", "SELECT 2 AS v"))
    assert rows(tmp_path, "a.t") == [(2,)]


def test_completing_a_home_hides_no_snapshot_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = _older_home(tmp_path, monkeypatch)
    with open_writer(layout, 5) as writer:
        writer.connection.execute("DROP TABLE lake._platform.releases")
    with pytest.raises(ForeignSnapshot), open_writer(layout, 5):
        pass
