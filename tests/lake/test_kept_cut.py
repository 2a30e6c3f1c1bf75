"""A gate opens the published lake once for each state of it, and never shows an older one."""

from publishing import close
from publishing import publish as publish_closed

from orchestrator_platform.lake.layout import LakeLayout
from orchestrator_platform.lake.published import KeptCut
from orchestrator_platform.lake.session import ONE_ROW_GROUP, connect, suit_threads
from orchestrator_platform.lake.writer import open_writer
from orchestrator_platform.records.keys import AssetKey

THINGS = AssetKey("main.things")


def publish(root, sql):
    publish_closed(root, close(root, THINGS, sql))


def test_a_cut_is_opened_once_until_something_is_published(tmp_path):
    layout, kept = LakeLayout(tmp_path / "lake"), KeptCut()
    publish(tmp_path, "SELECT 1 AS id")
    first = kept.published(layout, 5)
    assert kept.published(layout, 5) is first
    assert kept.for_readers(layout, 5) is first
    publish(tmp_path, "SELECT 2 AS id")
    second = kept.published(layout, 5)
    assert (first.heads[THINGS].version, second.heads[THINGS].version) == (1, 2)
    assert second.connect().execute(f"FROM lake.{THINGS.quoted}").fetchall() == [(2,)]
    # Whoever works on the cut before goes on with it.
    assert first.connect().execute(f"FROM lake.{THINGS.quoted}").fetchall() == [(1,)]


def test_a_cut_is_opened_anew_where_the_readers_copy_was_renewed_or_lost(tmp_path):
    layout, kept = LakeLayout(tmp_path / "lake"), KeptCut()
    publish(tmp_path, "SELECT 1 AS id")
    first = kept.published(layout, 5)
    with open_writer(layout, 5) as writer:
        writer.renew_readers_copy()
    second = kept.published(layout, 5)
    assert second is not first
    layout.readers.unlink()
    third = kept.published(layout, 5)
    assert third is not second
    assert third.heads == first.heads


def test_a_cut_of_another_lake_is_another_cut(tmp_path):
    kept = KeptCut()
    for name in ("one", "other"):
        publish(tmp_path / name, f"SELECT '{name}' AS id")
    cuts = [kept.published(LakeLayout(tmp_path / name / "lake"), 5) for name in ("one", "other", "one")]
    found = [cut.connect().execute(f"FROM lake.{THINGS.quoted}").fetchall() for cut in cuts]
    assert found == [[("one",)], [("other",)], [("one",)]]


def test_a_table_of_one_row_group_is_worked_on_by_one_thread_and_a_larger_one_by_all():
    with connect() as connection:
        connection.execute("RESET threads")
        all_threads = connection.execute("SELECT current_setting('threads')").fetchone()
        suit_threads(connection, ONE_ROW_GROUP)
        assert connection.execute("SELECT current_setting('threads')").fetchone() == (1,)
        suit_threads(connection, ONE_ROW_GROUP + 1)
        assert connection.execute("SELECT current_setting('threads')").fetchone() == all_threads


def test_a_copy_of_the_process_opens_a_cut_of_its_own(tmp_path):
    layout, kept = LakeLayout(tmp_path / "lake"), KeptCut()
    publish(tmp_path, "SELECT 1 AS id")
    first = kept.published(layout, 5)
    kept._opened_by = 0
    second = kept.published(layout, 5)
    assert second is not first
    assert kept.published(layout, 5) is second
