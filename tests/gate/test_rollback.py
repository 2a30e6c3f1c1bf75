"""What serves after a rollback, over every shape of lineage, and what of it is remembered."""

import signal
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from killed_run import run_killed
from lineages import LOG, World, event, roll_to_the_first
from publishing import NOW

from orchestrator_platform.errors import BaseMoved, CommitMismatch, LineageMoved, LockTimeout, SealBroken
from orchestrator_platform.gate.compact import compact
from orchestrator_platform.lake import earlier
from orchestrator_platform.lake.commit import Commit
from orchestrator_platform.lake.history import read_outbox
from orchestrator_platform.lake.lock import writer_lock
from orchestrator_platform.lake.restoring import Restored
from orchestrator_platform.lake.writer import open_writer
from orchestrator_platform.records.candidates import Form
from orchestrator_platform.records.keys import AgentName, AssetKey
from orchestrator_platform.records.ledger import FileState, QuarantineKind, QuarantineState


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_an_earlier_version_returns_under_a_number_of_its_own(world: World) -> None:
    world.land()
    first, judged = world.rows(LOG), world.receipt(LOG)
    world.land()
    (receipt,) = world.roll(LOG, 1, "the second day is wrong").receipts
    assert world.rows(LOG) == first
    assert (receipt.version, receipt.base_version, receipt.restores) == (3, 2, 1)
    same = {"data_version", "fingerprint", "contract_hash", "code_version", "seal", "findings", "producer", "auditor"}
    assert {name: getattr(receipt, name) for name in same} == {name: getattr(judged, name) for name in same}
    assert (receipt.reason, receipt.n_inserted, receipt.n_deleted) == ("the second day is wrong", 0, 2)
    assert world.receipt(LOG) == receipt
    assert world.head(LOG).fingerprint == judged.fingerprint


def test_forward_again_is_the_same_command(world: World) -> None:
    world.land()
    world.build("marts.a", LOG)
    world.land()
    world.build("marts.a", LOG)
    second = world.rows(LOG), world.rows("marts.a")
    world.roll(LOG, 1)
    assert set(world.retracted()) == {"raw.log@2", "marts.a@2"}
    world.roll(LOG, 2)
    assert (world.rows(LOG), world.rows("marts.a")) == second
    assert world.retracted() == {}
    assert [world.head(asset).version for asset in (LOG, "marts.a")] == [4, 4]


def test_every_descendant_goes_to_its_newest_version_without_the_retracted_one(world: World) -> None:
    world.land()
    world.build("marts.a", LOG)
    world.build("marts.b", LOG)
    world.build("marts.c", "marts.a", "marts.b")  # c@1: all of the first day
    world.build("marts.a", LOG)  # a@2: the first day again
    world.build("marts.c", "marts.a", "marts.b")  # c@2
    kept = {asset: world.rows(asset) for asset in ("marts.a", "marts.b", "marts.c")}
    world.land()
    world.build("marts.b", LOG)  # b@2 holds the second day
    world.build("marts.c", "marts.a", "marts.b")  # c@3 too, over one of two ways
    done = world.roll(LOG, 1)
    assert {asset: world.rows(asset) for asset in kept} == kept
    assert [(r.asset, r.restores) for r in done.receipts] == [(LOG, 1), ("marts.b", 1), ("marts.c", 2)]
    assert world.head("marts.a").version == 2, "what was not made from it is left alone"
    assert world.retracted() == {"raw.log@2": {LOG}, "marts.b@2": {LOG}, "marts.c@3": {LOG}}


def test_a_descendant_made_only_of_what_is_retracted_becomes_empty(world: World) -> None:
    world.land()
    world.land()
    world.build("marts.a", LOG)
    world.build("marts.c", "marts.a")
    done = world.roll(LOG, 1)
    assert [(r.asset, r.restores, r.withdrawn) for r in done.receipts] == [
        (LOG, 1, False),
        ("marts.a", None, True),
        ("marts.c", None, True),
    ]
    assert world.rows("marts.a") == world.rows("marts.c") == []
    assert (world.head("marts.a").withdrawn, world.head("marts.a").n_rows) == (True, 0)
    world.roll(LOG, 2)
    assert len(world.rows("marts.a")) == len(world.rows("marts.c")) == 4
    assert not world.head("marts.c").withdrawn


def test_an_empty_version_can_be_built_upon(world: World) -> None:
    world.land()
    world.land()
    world.build("marts.a", LOG, append=True)
    world.roll(LOG, 1)
    assert world.build("marts.a", LOG, append=True) == 3
    assert [row[0] for row in world.rows("marts.a")] == [1, 2]
    world.roll(LOG, 2)
    assert world.receipt("marts.a").version == 3, "made from the first day alone, it is clean and the newest"


def test_only_rows_that_differ_are_written_and_deleted(world: World) -> None:
    values = "SELECT i AS v, CASE WHEN i < {0} THEN {0} ELSE 0 END AS stamp FROM range({1}) AS r(i)"
    world.publish("marts.k", values.format(0, 1000), key=("v",))
    first = world.rows("marts.k")
    world.publish("marts.k", values.format(5, 1003), key=("v",))
    world.publish("marts.k", values.format(7, 1001), key=("v",))
    second_to_last = world.rows("marts.k")
    (receipt,) = world.roll("marts.k", 1).receipts
    assert (receipt.form, receipt.n_inserted, receipt.n_deleted) == (Form.DELTA, 7, 8)
    assert world.rows("marts.k") == first
    (receipt,) = world.roll("marts.k", 3).receipts
    assert (receipt.form, receipt.n_inserted, receipt.n_deleted) == (Form.DELTA, 8, 7)
    assert world.rows("marts.k") == second_to_last


@pytest.mark.parametrize(
    "second",
    [
        "SELECT 1 AS v, 'x' AS stamp, 2 AS more",
        "SELECT 1 AS v",
        "SELECT 1 AS v, 5::BIGINT AS stamp",
        "SELECT 1 AS v, 'x' AS STAMP",
    ],
)
def test_columns_return_with_the_content(world: World, second: str) -> None:
    world.publish("marts.k", "SELECT i AS v, 'x' || i AS stamp FROM range(3) AS r(i)", key=("v",))
    first, columns = world.rows("marts.k"), world.receipt("marts.k").columns
    world.publish("marts.k", second, key=("v",))
    changed = world.rows("marts.k")
    (receipt,) = world.roll("marts.k", 1).receipts
    assert (receipt.form, receipt.columns) == (Form.WHOLE, columns)
    assert world.rows("marts.k") == first
    world.roll("marts.k", 2)
    assert world.rows("marts.k") == changed


def test_a_column_dropped_and_added_again_returns_with_its_values(world: World) -> None:
    for columns in ("v, 'a' || i AS stamp", "v", "v, 'b' || i AS stamp"):
        select = columns.replace("v", "i AS v", 1)
        world.publish("marts.k", f"SELECT {select} FROM range(9) AS r(i)", key=("v",))
    world.roll("marts.k", 1)
    assert {str(row[1])[0] for row in world.rows("marts.k")} == {"a"}


def test_retracted_rows_wait_in_quarantine_and_the_ledger_adds_up(world: World) -> None:
    world.land(3, n_bad=1)
    world.land(2)
    world.land(4)
    world.roll(LOG, 2, "the third day is wrong")
    world.roll(LOG, 1, "the second too")
    assert [(e.state, e.n_published, e.n_quarantined) for e in world.ledger()] == [
        (FileState.LANDED, 3, 1),
        (FileState.RETRACTED, 0, 2),
        (FileState.RETRACTED, 0, 4),
    ]
    assert [(e.kind, e.state, e.n_rows, e.reasons) for e in world.quarantine()] == [
        (QuarantineKind.RETRACTED, QuarantineState.WAITING, 4, {"the third day is wrong": 4}),
        (QuarantineKind.RETRACTED, QuarantineState.WAITING, 2, {"the second too": 2}),
    ]
    world.roll(LOG, 2)
    assert [entry.state for entry in world.quarantine()] == [QuarantineState.WAITING, QuarantineState.REPLAYED]
    world.roll(LOG, 1, "again")
    world.roll(LOG, 3)
    assert [entry.state for entry in world.quarantine()] == [QuarantineState.REPLAYED] * 3
    assert sum(entry.n_published for entry in world.ledger()) == 9 == len(world.rows(LOG))


def test_a_release_brings_every_asset_back_in_one_snapshot(world: World) -> None:
    world.land()
    world.build("marts.a", LOG)
    world.release("first")
    then = {asset: world.rows(asset) for asset in (LOG, "marts.a")}
    world.land()
    world.build("marts.a", LOG)
    world.build("marts.later", LOG)
    now = {asset: world.rows(asset) for asset in (*then, "marts.later")}
    world.release("second")
    done = world.roll_to_release("first")
    assert {asset: world.rows(asset) for asset in then} == then
    assert world.rows("marts.later") == []
    assert len({receipt.snapshot for receipt in done.receipts}) == 1
    world.roll_to_release("second")
    assert {asset: world.rows(asset) for asset in now} == now
    assert world.retracted() == {}


def test_a_rollback_is_one_snapshot_and_one_event(world: World) -> None:
    world.land()
    world.build("marts.a", LOG)
    world.land()
    before = world.cut().snapshot
    done = world.roll(LOG, 1, "wrong")
    assert {receipt.snapshot for receipt in done.receipts} == {world.cut().snapshot} == {before + 1}
    with closing(world.cut().connect()) as connection:
        (told,) = (event for _, event in read_outbox(connection, after=before))
    assert (told.act, told.subject, told.reason) == ("rollback", "raw.log@1", "wrong")
    assert told.details["versions"] == {LOG: 3}
    assert told.details["retracted"] == ["raw.log@2"]


def test_a_publication_between_plan_and_commit_stops_the_rollback(world: World) -> None:
    world.land()
    world.land()
    with pytest.raises(LineageMoved, match=r"marts\.a was published"):
        world.roll(LOG, 1, meanwhile=lambda: world.build("marts.a", LOG))
    assert (world.head(LOG).version, world.head("marts.a").version) == (2, 1)
    assert world.retracted() == {}
    assert not list((world.layout.data / "raw" / "log").glob("raw.log-*"))


def test_a_compaction_between_plan_and_commit_stops_the_rollback(world: World) -> None:
    for _ in range(4):
        world.land()
    with pytest.raises(LineageMoved, match=r"raw\.log was .* compacted"):
        world.roll(LOG, 3, meanwhile=lambda: compact_log(world))
    assert world.head(LOG).version == 4
    assert world.roll(LOG, 3).receipts[0].version == 5


def compact_log(world: World) -> None:
    compact(world.layout, AssetKey(LOG), AgentName("keeper"), now=NOW, run_id="compacts", lock_timeout_seconds=5)


def test_another_rollback_between_plan_and_commit_stops_the_rollback(world: World) -> None:
    world.land()
    world.land()
    with pytest.raises(LineageMoved):
        world.roll(LOG, 1, meanwhile=lambda: World(world.root).roll(LOG, None))
    assert world.head(LOG).withdrawn


def test_a_publication_of_something_else_does_not_stop_it(world: World) -> None:
    world.land()
    world.land()
    world.publish("marts.other", "SELECT 1 AS v, 1 AS stamp")
    world.roll(LOG, 1, meanwhile=lambda: world.publish("marts.other", "SELECT 2 AS v, 2 AS stamp"))
    assert (world.receipt(LOG).restores, world.head("marts.other").version) == (1, 2)


def test_while_somebody_else_holds_the_lock_nothing_is_changed(world: World) -> None:
    world.land()
    world.land()
    with pytest.raises(LockTimeout), ExitStack() as held:
        world.roll(LOG, 1, meanwhile=lambda: held.enter_context(writer_lock(world.layout.lock, 1)), seconds=0.1)
    assert world.head(LOG).version == 2


def test_the_writer_takes_no_version_that_was_not_judged(world: World) -> None:
    world.land()
    world.land()
    first = world.receipt(LOG)
    forged = first.model_copy(update={"version": 3, "base_version": 2, "restores": 2, "code_version": "other"})
    missing = forged.model_copy(update={"restores": 7})
    for receipt in (forged, missing):
        with open_writer(world.layout, 5) as writer, pytest.raises(SealBroken):
            writer.commit(Commit(events=(event(),), restored=(Restored(receipt),)))
    stale = forged.model_copy(update={"base_version": 1, "code_version": first.code_version})
    with open_writer(world.layout, 5) as writer, pytest.raises(BaseMoved):
        writer.commit(Commit(events=(event(),), restored=(Restored(stale),)))
    assert world.head(LOG).version == 2


def test_row_ids_that_do_not_fit_stop_the_commit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    values = "SELECT i AS v, {0} * (i < 3)::INT AS stamp FROM range(100) AS r(i)"
    world.publish("marts.k", values.format(1), key=("v",))
    world.publish("marts.k", values.format(2), key=("v",))
    second = world.rows("marts.k")
    written = earlier._write_change

    def one_too_few(connection: Any, between: Any, target: Path, rowids: Path) -> Any:
        found = written(connection, between, target, rowids)
        connection.execute(f"COPY (FROM read_parquet('{rowids}') LIMIT 2) TO '{rowids}.less' (FORMAT parquet)")
        return replace(found, rowids=Path(f"{rowids}.less"))

    monkeypatch.setattr(earlier, "_write_change", one_too_few)
    with pytest.raises(CommitMismatch, match="the number of rows deleted should be 3 and is 2"):
        world.roll("marts.k", 1)
    assert world.rows("marts.k") == second


def test_a_feed_that_does_not_add_up_is_not_believed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    values = "SELECT i AS v, {0} * (i < 3)::INT AS stamp FROM range(100) AS r(i)"
    world.publish("marts.k", values.format(1), key=("v",))
    first = world.rows("marts.k")
    world.publish("marts.k", values.format(2), key=("v",))
    monkeypatch.setattr(earlier, "_is_one_table", lambda *_: True)
    served = earlier._content
    monkeypatch.setattr(earlier, "_content", lambda c, r, name: replace(served(c, r, name), n_rows=r.version))
    (receipt,) = world.roll("marts.k", 1).receipts
    assert receipt.form is Form.WHOLE
    assert world.rows("marts.k") == first


@pytest.mark.parametrize(
    ("module", "function", "when", "version"),
    [
        ("gate.rollback", "_prepare", "after", 2),
        ("gate.rollback", "_require_unmoved", "after", 2),
        ("lake.writer", "apply_restored", "after", 2),
        ("lake.writer", "replace_retractions", "after", 2),
        ("lake.writer", "reread", "before", 3),
        ("lake.writer", "replace_readers_copy", "before", 3),
    ],
)
def test_a_rollback_that_is_killed_happened_whole_or_not_at_all(
    world: World, module: str, function: str, when: str, version: int
) -> None:
    world.land()
    world.build("marts.a", LOG)
    world.land()
    world.build("marts.a", LOG)
    killed = run_killed(world.root, f"orchestrator_platform.{module}", function, when, work=roll_to_the_first)
    assert killed == -signal.SIGKILL
    assert {world.head(asset).version for asset in (LOG, "marts.a")} == {version}
    assert len(world.rows(LOG)) == len(world.rows("marts.a")) == (4 if version == 2 else 2)
    assert set(world.retracted()) == (set() if version == 2 else {"raw.log@2", "marts.a@2"})
    world.roll(LOG, 2 if version == 3 else 1)
    assert world.head("marts.a").version == version + 1
