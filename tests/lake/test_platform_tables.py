"""What the catalog is asked of the platform's own tables is what the tables themselves say."""

from contextlib import closing
from pathlib import Path

import pytest
from publishing import close, event, publish

from orchestrator_platform.lake import platform_tables
from orchestrator_platform.lake.commit import Commit
from orchestrator_platform.lake.history import read_releases
from orchestrator_platform.lake.layout import LakeLayout
from orchestrator_platform.lake.platform_tables import SCHEMA, TABLES, is_there, may_have_rows
from orchestrator_platform.lake.readers import connect_reader, latest_snapshot
from orchestrator_platform.lake.writer import open_writer
from orchestrator_platform.records.keys import AgentName
from orchestrator_platform.records.retractions import Release


def test_a_table_may_have_rows_exactly_where_it_has_some(tmp_path: Path) -> None:
    publish(tmp_path, close(tmp_path, "a.t", "SELECT 1 AS v"))
    with closing(connect_reader(LakeLayout(tmp_path / "lake"))) as connection:
        assert platform_tables.platform_tables(connection) == set(TABLES)
        counts = {name: connection.execute(f"SELECT count(*) FROM lake.{SCHEMA}.{name}").fetchone() for name in TABLES}
        filled = {name for name, count in counts.items() if count != (0,)}
        assert {name for name in TABLES if may_have_rows(connection, name)} == filled == {"heads", "receipts", "outbox"}


def test_what_came_after_a_snapshot_is_not_looked_for_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = LakeLayout(tmp_path / "lake")
    with monkeypatch.context() as patched:
        patched.delitem(platform_tables.TABLES, "releases")
        publish(tmp_path, close(tmp_path, "a.t", "SELECT 1 AS v"))
    before = latest_snapshot(layout.readers)
    assert before is not None
    with open_writer(layout, 5) as writer:
        happened = event("summer")
        release = Release(name="summer", snapshot=before, released_at=happened.at, agent=AgentName("ada"), why="a test")
        writer.commit(Commit(events=(happened,), releases=(release,)))
    with closing(connect_reader(layout)) as newest, closing(connect_reader(layout, before)) as then:
        assert [found.name for found in read_releases(newest)] == ["summer"]
        assert read_releases(then) == ()


def test_a_table_is_there_from_its_creation_on_committed_or_not(tmp_path: Path) -> None:
    with open_writer(LakeLayout(tmp_path / "lake"), 5) as writer:
        there = [is_there(writer.connection, "lake.a.t")]
        writer.connection.execute("BEGIN; CREATE SCHEMA lake.a; CREATE TABLE lake.a.t (v INTEGER)")
        there.append(is_there(writer.connection, "lake.a.t"))
        writer.connection.execute("ROLLBACK")
        assert [*there, is_there(writer.connection, "lake.a.t")] == [False, True, False]
