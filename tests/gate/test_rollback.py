"""What serves after a rollback, over every shape of lineage, and what of it is remembered."""

from pathlib import Path

import pytest
from lineages import LOG, World

from orchestrator_platform.errors import Misuse, TargetRetracted, UnknownAsset
from orchestrator_platform.operations.rollback import Goal
from orchestrator_platform.records.candidates import Form
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


def test_rows_of_a_retracted_base_take_an_incremental_table_back_although_its_parent_is_clean(world: World) -> None:
    world.land()
    world.build("marts.b", LOG, append=True)
    world.build("marts.side", LOG)
    world.publish("marts.b", "SELECT 7 AS v, 0 AS stamp", "marts.side", append=True)  # b@2 reads side@1
    world.publish("marts.b", "SELECT 8 AS v, 0 AS stamp", LOG, append=True)  # b@3 reads the log, over b@2
    world.build("marts.side", LOG)
    world.roll("marts.side", 2)  # nothing is taken back: side@2 stands on side@1
    assert world.retracted() == {}
    world.roll("marts.side", None)
    assert world.receipt("marts.b").restores == 1
    assert {"marts.b@2", "marts.b@3"} <= set(world.retracted())


def test_a_table_built_in_full_is_not_taken_back_with_its_base(world: World) -> None:
    world.land()
    world.build("marts.side", LOG)
    world.build("marts.a", "marts.side")
    world.build("marts.a", LOG)  # whole, and without the side
    world.roll("marts.side", None)
    assert world.head("marts.a").version == 2
    assert set(world.retracted()) == {"marts.side@1", "marts.a@1"}


def test_what_was_built_after_a_rollback_stands_on_the_restored_version(world: World) -> None:
    world.land()
    world.land()
    world.roll(LOG, 1)
    world.land()  # log@4 stands on log@3, which is log@1
    world.build("marts.a", LOG)
    fourth = world.rows(LOG)
    world.roll(LOG, 2)
    assert world.retracted() == {"raw.log@4": {LOG}, "marts.a@1": {LOG}}
    assert world.head("marts.a").withdrawn
    world.roll(LOG, 4)
    assert world.rows(LOG) == fourth
    assert world.retracted().keys() == {"raw.log@2", "raw.log@5"}, "log@5 showed what log@2 holds"
    assert world.receipt("marts.a").restores == 1


def test_a_version_that_restores_another_names_the_same_content(world: World) -> None:
    world.land()
    world.land()
    world.roll(LOG, 1)
    world.roll(LOG, 2)
    world.roll(LOG, 3)  # log@3 is log@1
    assert world.receipt(LOG).restores == 1


def test_two_causes_are_lifted_one_by_one(world: World) -> None:
    world.land()
    world.build("marts.a", LOG)
    world.build("marts.c", "marts.a")
    world.land()
    world.build("marts.a", LOG)
    world.build("marts.c", "marts.a")
    world.roll("marts.a", 1)
    world.roll(LOG, 1)
    assert world.retracted()["marts.c@2"] == {LOG, "marts.a"}
    world.roll(LOG, 2)
    assert world.retracted()["marts.c@2"] == {"marts.a"}
    assert world.receipt("marts.c").restores == 1
    world.roll("marts.a", 2)
    assert world.receipt("marts.c").restores == 2


def test_a_version_made_from_what_stays_retracted_is_refused(world: World) -> None:
    world.land()
    world.build("marts.a", LOG)
    world.land()
    world.build("marts.a", LOG)
    world.roll(LOG, 1)
    with pytest.raises(TargetRetracted, match=r"Roll raw\.log forward first"):
        world.plan(Goal("marts.a", 2))


def test_a_version_that_is_not_there_or_empty_is_misuse(world: World) -> None:
    world.land()
    world.roll(LOG, None)
    with pytest.raises(Misuse, match="is none of its versions"):
        world.plan(Goal(LOG, 9))
    with pytest.raises(Misuse, match="it is empty"):
        world.plan(Goal(LOG, 2))
    with pytest.raises(UnknownAsset):
        world.plan(Goal("raw.nothing", 1))


def test_a_rollback_to_what_serves_changes_nothing(world: World) -> None:
    world.land()
    world.land()
    assert world.plan(Goal(LOG, 2)).changes_nothing
    world.roll(LOG, 1)
    assert world.plan(Goal(LOG, 1)).changes_nothing
    assert not world.plan(Goal(LOG, 2)).changes_nothing


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
    world.roll(LOG, 3)
    assert [entry.state for entry in world.quarantine()] == [QuarantineState.REPLAYED] * 2
    assert sum(entry.n_published for entry in world.ledger()) == 9 == len(world.rows(LOG))


def test_of_an_entry_that_returns_in_part_the_rest_waits(world: World) -> None:
    for n_rows in (1, 2, 4):
        world.land(n_rows)
    world.roll(LOG, 1, "both are wrong")
    world.roll(LOG, 2)
    assert [(entry.state, entry.n_rows) for entry in world.quarantine()] == [(QuarantineState.WAITING, 4)]


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


def test_a_release_brings_back_what_was_taken_back_then(world: World) -> None:
    world.land()
    world.land()
    world.roll(LOG, 1)
    world.release("without")
    world.roll(LOG, 2)
    world.roll_to_release("without")
    assert world.receipt(LOG).restores == 1
    assert set(world.retracted()) >= {"raw.log@2"}
