import sqlite3
from pathlib import Path

import duckdb
import pytest
from publishing import approve, approved, close, event, publish, rows

from orchestrator_platform.errors import BaseMoved, CommitMismatch, ForeignSnapshot, SealBroken
from orchestrator_platform.lake.commit import Commit
from orchestrator_platform.lake.content import Content, measure_content
from orchestrator_platform.lake.layout import LakeLayout
from orchestrator_platform.lake.lock import writer_lock
from orchestrator_platform.lake.published import cut_for_readers, cut_published
from orchestrator_platform.lake.readers import connect_reader, latest_snapshot
from orchestrator_platform.lake.session import connect
from orchestrator_platform.lake.writer import open_writer
from orchestrator_platform.records.candidates import Form
from orchestrator_platform.records.verdicts import Decision

T = "marts.t"


def test_a_published_candidate_is_read_back(tmp_path: Path) -> None:
    publish(tmp_path, close(tmp_path, T, "SELECT i AS id, 'x' || i AS name FROM range(3) AS r(i)"))
    assert rows(tmp_path, T) == [(0, "x0"), (1, "x1"), (2, "x2")]


def test_a_keyed_change_is_a_delta_that_touches_only_what_differs(tmp_path: Path) -> None:
    publish(tmp_path, close(tmp_path, T, "SELECT i AS id, 0 AS v FROM range(10) AS r(i)", key=("id",)))
    changed = close(
        tmp_path, T, "SELECT i AS id, CASE WHEN i = 3 THEN 1 ELSE 0 END AS v FROM range(1, 11) AS r(i)", key=("id",)
    )
    assert (changed.form, changed.n_inserted, changed.n_deleted, changed.n_rows) == (Form.DELTA, 2, 2, 10)
    publish(tmp_path, changed)
    assert rows(tmp_path, T) == [(i, int(i == 3)) for i in range(1, 11)] or len(rows(tmp_path, T)) == 10
    assert rows(tmp_path, T, where="id = 3") == [(3, 1)]
    assert rows(tmp_path, T, where="id IN (0, 10)") == [(10, 0)]


def test_a_delta_has_the_data_version_of_the_whole_table(tmp_path: Path) -> None:
    publish(tmp_path, close(tmp_path, T, "SELECT i AS id, 0 AS v FROM range(10) AS r(i)", key=("id",)))
    changed = close(tmp_path, T, "SELECT i AS id, i % 2 AS v FROM range(1, 9) AS r(i)", key=("id",))
    publish(tmp_path, changed)
    connection = cut_published(LakeLayout(tmp_path / "lake"), 5).connect()
    assert str(measure_content(connection, f"lake.{T}", changed.columns)) == changed.data_version
    connection.close()


def test_every_kept_version_stays_readable(tmp_path: Path) -> None:
    first = publish(tmp_path, close(tmp_path, T, "SELECT 1 AS id, 'a' AS name", key=("id",)))
    publish(tmp_path, close(tmp_path, T, "SELECT 1 AS id, 'b' AS name", key=("id",)))
    assert rows(tmp_path, T) == [(1, "b")]
    assert rows(tmp_path, T, first) == [(1, "a")]


def test_two_tables_appear_in_one_snapshot_or_not_at_all(tmp_path: Path) -> None:
    one = close(tmp_path, "marts.a", "SELECT 1 AS id")
    two = close(tmp_path, "marts.b", "SELECT 2 AS id")
    with open_writer(LakeLayout(tmp_path / "lake"), 5) as writer:
        first, second = (approved(tmp_path, writer, manifest) for manifest in (one, two))
        second.placed[0][0].unlink()
        with pytest.raises(duckdb.Error):
            writer.commit(Commit(events=(event(),), approved=(first, second)))
    assert cut_published(LakeLayout(tmp_path / "lake"), 5).heads == {}
    publish(tmp_path, one, two)
    assert rows(tmp_path, "marts.a") == [(1,)]
    assert rows(tmp_path, "marts.b") == [(2,)]


@pytest.mark.parametrize("decision", [Decision.REJECT, Decision.ESCALATE])
def test_the_writer_takes_no_candidate_without_an_approving_verdict(tmp_path: Path, decision: Decision) -> None:
    manifest = close(tmp_path, T, "SELECT 1 AS id")
    verdict = approve(manifest).model_copy(update={"decision": decision})
    with open_writer(LakeLayout(tmp_path / "lake"), 5) as writer, pytest.raises(SealBroken, match="the decision"):
        writer.commit(Commit(events=(event(),), approved=(approved(tmp_path, writer, manifest, verdict),)))


def test_the_writer_takes_no_verdict_on_another_manifest(tmp_path: Path) -> None:
    manifest = close(tmp_path, T, "SELECT 1 AS id")
    forged = manifest.model_copy(update={"reason": "another"})
    with open_writer(LakeLayout(tmp_path / "lake"), 5) as writer, pytest.raises(SealBroken, match="the manifest"):
        writer.commit(Commit(events=(event(),), approved=(approved(tmp_path, writer, forged, approve(manifest)),)))


def test_a_candidate_whose_base_moved_is_refused(tmp_path: Path) -> None:
    publish(tmp_path, close(tmp_path, T, "SELECT 1 AS id", key=("id",)))
    slow = close(tmp_path, T, "SELECT 2 AS id", key=("id",))
    publish(tmp_path, close(tmp_path, T, "SELECT 3 AS id", key=("id",)))
    with pytest.raises(BaseMoved, match="version 2 serves"):
        publish(tmp_path, slow)
    assert rows(tmp_path, T) == [(3,)]


def test_a_snapshot_that_nothing_explains_stops_publishing(tmp_path: Path) -> None:
    publish(tmp_path, close(tmp_path, T, "SELECT 1 AS id"))
    pending = close(tmp_path, T, "SELECT 2 AS id")
    layout = LakeLayout(tmp_path / "lake")
    foreign = connect()
    foreign.execute(f"ATTACH 'ducklake:sqlite:{layout.catalog}' AS lake (DATA_PATH '{layout.data}')")
    foreign.execute(f"DELETE FROM lake.{T}")
    foreign.close()
    with pytest.raises(ForeignSnapshot, match="Publishing has stopped"):
        publish(tmp_path, pending)
    connection = connect_reader(layout)
    assert connection.execute(f"SELECT count(*) FROM lake.{T}").fetchall() == [(1,)]


def test_a_delete_that_misses_rows_aborts_the_commit(tmp_path: Path) -> None:
    publish(tmp_path, close(tmp_path, T, "SELECT i AS id, 0 AS v FROM range(5) AS r(i)", key=("id",)))
    lying = close(tmp_path, T, "SELECT i AS id, 1 AS v FROM range(1, 3) AS r(i)", key=("id",))
    lying = lying.model_copy(update={"n_deleted": lying.n_deleted + 1})
    with pytest.raises(CommitMismatch, match="rows deleted"):
        publish(tmp_path, lying)
    assert len(rows(tmp_path, T)) == 5


def test_what_was_committed_is_read_again_before_readers_see_it(tmp_path: Path) -> None:
    manifest = close(tmp_path, T, "SELECT 1 AS id")
    lying = manifest.model_copy(update={"n_rows": 2})
    with pytest.raises(CommitMismatch, match="number of rows"):
        publish(tmp_path, lying)
    connection = connect_reader(LakeLayout(tmp_path / "lake"))
    tables = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 't'").fetchall()
    assert tables == [(0,)]


def test_readers_are_brought_up_to_a_commit_whose_writer_died_before_showing_it(tmp_path: Path) -> None:
    publish(tmp_path, close(tmp_path, T, "SELECT 1 AS id", key=("id",)))
    layout = LakeLayout(tmp_path / "lake")
    before = layout.readers.read_bytes()
    publish(tmp_path, close(tmp_path, T, "SELECT 2 AS id", key=("id",)))
    layout.readers.write_bytes(before)
    assert latest_snapshot(layout.readers) != latest_snapshot(layout.catalog)
    assert rows(tmp_path, T) == [(2,)]


def test_a_commit_that_reads_back_wrong_is_never_shown_by_the_next_start(tmp_path: Path) -> None:
    publish(tmp_path, close(tmp_path, T, "SELECT 1 AS id"))
    layout = LakeLayout(tmp_path / "lake")
    lying = close(tmp_path, T, "SELECT 2 AS id").model_copy(update={"n_rows": 2})
    for attempt in (
        lambda: publish(tmp_path, lying),
        lambda: cut_published(layout, 5),
        lambda: cut_published(layout, 5),
    ):
        with pytest.raises(CommitMismatch, match="number of rows"):
            attempt()
    assert cut_for_readers(layout, 5).connect().execute(f"SELECT id FROM lake.{T}").fetchall() == [(1,)]


def test_readers_wait_for_nobody_and_go_on_when_publishing_has_stopped(tmp_path: Path) -> None:
    publish(tmp_path, close(tmp_path, T, "SELECT 1 AS id"))
    layout = LakeLayout(tmp_path / "lake")
    foreign = connect()
    foreign.execute(f"ATTACH 'ducklake:sqlite:{layout.catalog}' AS lake (DATA_PATH '{layout.data}')")
    foreign.execute(f"DELETE FROM lake.{T}")
    foreign.close()
    assert cut_for_readers(layout, 60).connect().execute(f"SELECT id FROM lake.{T}").fetchall() == [(1,)]
    with writer_lock(layout.lock, 5):
        assert cut_for_readers(layout, 60).heads.keys() == {T}


def test_a_damaged_readers_copy_is_made_anew(tmp_path: Path) -> None:
    publish(tmp_path, close(tmp_path, T, "SELECT 1 AS id"))
    layout = LakeLayout(tmp_path / "lake")
    for damage in (b"", b"no database" * 500):
        layout.readers.write_bytes(damage)
        assert rows(tmp_path, T) == [(1,)]


def test_columns_are_added_and_dropped_in_place(tmp_path: Path) -> None:
    first = publish(tmp_path, close(tmp_path, T, "SELECT 1 AS id, 'a' AS name", key=("id",)))
    publish(tmp_path, close(tmp_path, T, "SELECT 1 AS id, 2.5::DOUBLE AS price", key=("id",)))
    assert rows(tmp_path, T) == [(1, 2.5)]
    assert rows(tmp_path, T, first) == [(1, "a")]


def test_a_column_that_changes_only_its_case_starts_a_new_epoch(tmp_path: Path) -> None:
    first = publish(tmp_path, close(tmp_path, T, "SELECT 1 AS id, 2 AS price", key=("id",)))
    publish(tmp_path, close(tmp_path, T, "SELECT 1 AS id, 3 AS Price", key=("id",)))
    assert cut_published(LakeLayout(tmp_path / "lake"), 5).connect().sql(f"FROM lake.{T}").columns == ["id", "Price"]
    assert rows(tmp_path, T, first) == [(1, 2)]


def test_a_changed_type_starts_a_new_epoch_and_older_versions_stay_readable(tmp_path: Path) -> None:
    first = publish(tmp_path, close(tmp_path, T, "SELECT 1::INTEGER AS id", key=("id",)))
    publish(tmp_path, close(tmp_path, T, "SELECT 5000000000::BIGINT AS id", key=("id",)))
    assert rows(tmp_path, T) == [(5000000000,)]
    assert rows(tmp_path, T, first) == [(1,)]


def test_readers_find_rows_that_the_table_statistics_would_hide(tmp_path: Path) -> None:
    long = "☃" * 90
    publish(tmp_path, close(tmp_path, T, f"SELECT unnest(['a', '{long}']) AS name", append=True))
    publish(tmp_path, close(tmp_path, T, "SELECT 'm' AS name", append=True))
    assert rows(tmp_path, T, where="name = 'a'") == [("a",)]


def test_without_clearing_the_statistics_a_reader_loses_rows(tmp_path: Path) -> None:
    """The planted defect behind the rule: if this stops failing, the rule can go."""
    long = "☃" * 90
    publish(tmp_path, close(tmp_path, T, f"SELECT unnest(['a', '{long}']) AS name", append=True))
    publish(tmp_path, close(tmp_path, T, "SELECT 'm' AS name", append=True))
    raw_copy = tmp_path / "raw.sqlite"
    source = sqlite3.connect(tmp_path / "lake" / "catalog.sqlite")
    source.execute("VACUUM INTO ?", (str(raw_copy),))
    source.close()
    connection = connect()
    connection.execute(f"ATTACH 'ducklake:sqlite:{raw_copy}' AS lake (READ_ONLY)")
    found = connection.execute(f"SELECT count(*) FROM lake.{T} WHERE name = 'a'").fetchone()
    assert found == (0,)


def test_content_does_not_depend_on_order_and_equal_rows_do_not_cancel() -> None:
    connection = connect()
    columns = _columns(connection, "(SELECT 1::BIGINT AS a, 'x' AS b)")

    def content(sql: str) -> Content:
        return measure_content(connection, f"({sql})", columns)

    one = "SELECT 1::BIGINT AS a, 'x' AS b"
    two = "SELECT 2::BIGINT AS a, 'y' AS b"
    assert content(f"{one} UNION ALL {two}") == content(f"{two} UNION ALL {one}")
    assert content(f"{one} UNION ALL {one}") != content(f"{two} UNION ALL {two}")
    assert content("SELECT NULL::BIGINT AS a, 'x' AS b") != content("SELECT 1::BIGINT AS a, NULL::VARCHAR AS b")
    assert content(one).plus(content(two)).minus(content(one)) == content(two)
    assert Content.parse(str(content(one))) == content(one)


def _columns(connection: duckdb.DuckDBPyConnection, relation: str):
    from orchestrator_platform.sql import read_columns

    return read_columns(connection, relation)
