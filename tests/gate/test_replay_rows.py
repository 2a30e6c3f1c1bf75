"""Rows that wait are read again from the archive, and those that the contract lets in now are appended."""

import signal
from pathlib import Path

import pytest
from asking_project import RAW_ASKS
from killed_run import run_killed
from made_once import MadeOnce
from small_project import gate_of, make_project, open_project, write, write_orders

from orchestrator_platform.errors import AlreadySettled, BaseMoved, NotReplayable
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.gate.cycle import replay_rows
from orchestrator_platform.gate.outcomes import Unchanged
from orchestrator_platform.gate.publish import Done, Publication
from orchestrator_platform.operations.approve import approve
from orchestrator_platform.operations.audit import audit_again
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.records_of import journal, ledger, quarantine, quarantine_entry
from orchestrator_platform.operations.replay import replay
from orchestrator_platform.operations.rollback import Goal, rollback
from orchestrator_platform.records.ledger import FileState
from orchestrator_platform.records.verdicts import Decision

ORDERS = "raw.orders"
CONTRACT = "defs/orders/contract.py"
GOOD, REFUND, ODD = (1, "ann", 10, "open"), (2, "bob", -5, "open"), (3, "eve", -7, "gone")


def make_landed(folder: Path) -> None:
    make_project(folder)
    land(gate_of(folder), "orders", [write_orders(folder, "day1.csv", GOOD, REFUND, ODD, (4, "dan", 1, "paid"))])


@pytest.fixture
def project(made_once: MadeOnce) -> Path:
    """Of four rows two were bad: a negative amount, and a negative amount with an unknown status."""
    return made_once(make_landed)


def change(project: Path, before: str, after: str, file: str = CONTRACT) -> None:
    text = (project / file).read_text()
    assert before in text
    write(project / file, text.replace(before, after))


def orders(project: Path) -> list[tuple[object, ...]]:
    sql = "SELECT order_id, _file, _line FROM raw.orders ORDER BY _landed_seq"
    return open_project(project).query(sql).fetchall()


def accounts(project: Path) -> list[tuple[object, ...]]:
    found = [
        (line.state, line.n_rows, line.n_published, line.n_quarantined, line.n_duplicate)
        for line in ledger(open_project(project))
    ]
    assert all(line[1] == line[2] + line[3] + line[4] for line in found)
    return found


def entries(project: Path) -> list[tuple[str, str, int]]:
    return [(entry.kind, entry.state, entry.n_rows) for entry in quarantine(open_project(project))]


def is_sound(project: Path) -> bool:
    return audit_again(gate_of(project), ORDERS).verdict.decision is Decision.APPROVE


def test_what_the_contract_lets_in_now_is_appended_and_the_rest_stays(project: Path) -> None:
    change(project, "ge=0", "ge=-100")
    tried = replay(gate_of(project), 1, dry_run=True)
    assert (tried.is_no, tried.n_accepted, tried.receipt) == (False, 1, None)
    assert entries(project) == [("rows", "waiting", 2)]

    done = replay(gate_of(project), 1, why="refunds are fine", by="ada")
    assert (done.n_accepted, dict(done.still_bad)) == (1, {"status in set": 1})
    assert orders(project) == [(1, "day1.csv", 1), (4, "day1.csv", 4), (2, "day1.csv", 2)]
    assert accounts(project) == [(FileState.LANDED, 4, 3, 1, 0)]
    view = quarantine_entry(open_project(project), 1)
    assert (view.entry.state, view.entry.n_rows, [row.line for row in view.rows]) == ("waiting", 1, [3])
    assert is_sound(project)
    (event,) = [event for event in journal(open_project(project)) if event.act == "replay"]
    assert (event.agent, event.outcome, event.reason) == ("person:ada", "published", "refunds are fine")

    assert replay(gate_of(project), 1).is_no, "the status is still unknown"
    change(project, '"paid"', '"paid", "gone"')
    assert not replay(gate_of(project), 1).is_no
    assert entries(project) == [("rows", "replayed", 1)]
    assert accounts(project) == [(FileState.LANDED, 4, 4, 0, 0)]
    assert is_sound(project)
    with pytest.raises(AlreadySettled):
        replay(gate_of(project), 1)
    land(gate_of(project), "orders", [write_orders(project, "day2.csv", (5, "ann", 2, "open"))])
    assert [row[0] for row in orders(project)] == [1, 4, 2, 3, 5]
    assert is_sound(project)


def test_rows_that_are_still_bad_stay_as_they_are(project: Path) -> None:
    before = open_project(project).cut().snapshot
    done = replay(gate_of(project), 1)
    assert (done.is_no, done.verdict) == (True, None)
    assert sum(done.still_bad.values()) == 3
    assert open_project(project).cut().snapshot == before


def test_rows_that_the_audit_rejects_stay_and_leave_no_candidate(project: Path) -> None:
    change(project, "ge=0", "ge=-100")
    change(project, '"none"', '["customer"]')
    land(gate_of(project), "orders", [write_orders(project, "day2.csv", (6, "bob", 2, "open"))])
    before = orders(project)
    done = replay(gate_of(project), 1)
    assert done.is_no
    assert done.verdict is not None
    assert (orders(project), entries(project)[0]) == (before, ("rows", "waiting", 2))
    assert not list((project / "home/candidates").iterdir())
    assert journal(open_project(project))[-1].outcome in {"rejected", "closed", "reject"}


def test_a_file_refused_whole_is_read_again(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    file = write_orders(project, "day1.csv", GOOD, REFUND, (3, "eve", -7, "open"), ODD)
    land(gate_of(project), "orders", [file])
    assert accounts(project) == [(FileState.REFUSED, 4, 0, 4, 0)]
    change(project, "ge=0", "ge=-100")
    again = land(gate_of(project), "orders", [file])
    assert isinstance(again.landed.outcome, Unchanged)
    assert "`orchestrator quarantine replay 1`" in again.landed.outcome.why
    assert not replay(gate_of(project), 1).is_no
    assert [row[0] for row in orders(project)] == [1, 2, 3]
    assert accounts(project) == [(FileState.LANDED, 4, 3, 1, 0), (FileState.DUPLICATE, 4, 0, 0, 4)]
    assert entries(project) == [("rows", "waiting", 1)]
    assert is_sound(project)


def test_rows_of_a_version_taken_back_are_appended_under_the_contract_of_now(project: Path) -> None:
    land(gate_of(project), "orders", [write_orders(project, "day2.csv", (5, "ann", 2, "open"), (6, "x", -1, "open"))])
    rollback(gate_of(project), Goal(ORDERS, 1), why="wrong")
    land(gate_of(project), "orders", [write_orders(project, "day3.csv", (7, "ann", 3, "open"))])
    assert entries(project)[-1] == ("retracted", "waiting", 1)
    change(project, '"paid"', '"shipped"')
    change(project, '"open", ', "")
    assert replay(gate_of(project), 3).is_no, "its status is not known any more"
    change(project, '"shipped"', '"open", "paid"')
    assert not replay(gate_of(project), 3).is_no
    assert [row[0] for row in orders(project)] == [1, 4, 7, 5]
    assert accounts(project) == [(FileState.LANDED, n, p, n - p, 0) for n, p in ((4, 2), (2, 1), (1, 1))]
    assert entries(project)[-1] == ("retracted", "replayed", 1)
    assert is_sound(project)
    # Forward to the version that was taken back: the rows are there once, whichever version brings them.
    rollback(gate_of(project), Goal(ORDERS, 2), why="it was right after all")
    assert [row[0] for row in orders(project)] == [1, 4, 5]
    assert [line[2] for line in accounts(project)] == [2, 1, 0]
    assert entries(project)[-1] == ("retracted", "waiting", 1), "only day three is taken back now"
    assert is_sound(project)


def test_what_a_replay_brought_can_be_taken_back_and_replayed_again(project: Path) -> None:
    change(project, "ge=0", "ge=-100")
    replay(gate_of(project), 1)
    rollback(gate_of(project), Goal(ORDERS, 1), why="not yet")
    assert accounts(project) == [(FileState.RETRACTED, 4, 2, 2, 0)]
    assert entries(project) == [("rows", "waiting", 1), ("retracted", "waiting", 1)]
    assert not replay(gate_of(project), 2).is_no
    assert [row[0] for row in orders(project)] == [1, 4, 2]
    assert accounts(project) == [(FileState.LANDED, 4, 3, 1, 0)]
    assert is_sound(project)


def test_an_older_snapshot_does_not_come_back_as_the_newest(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    change(project, "max_bad_share: 0.5", "files_are: snapshot\n  bad_rows: reject_file", "defs/orders/defs.yaml")
    land(gate_of(project), "orders", [write_orders(project, "day1.csv", GOOD, REFUND)])
    land(gate_of(project), "orders", [write_orders(project, "day2.csv", GOOD)])
    change(project, "ge=0", "ge=-100")
    with pytest.raises(NotReplayable, match=r"day2\.csv landed after it"):
        replay(gate_of(project), 1)


def test_what_a_replay_of_rows_escalates_a_person_can_approve(tmp_path: Path) -> None:
    project = make_project(tmp_path, changes=RAW_ASKS)
    land(gate_of(project), "orders", [write_orders(project, "day1.csv", GOOD, (2, "bob", 500, "gone"))])
    change(project, '"paid"', '"paid", "gone"')
    done = replay(gate_of(project), 1)
    assert (done.is_no, done.asked_as) == (True, 2)
    approve(gate_of(project), 2, approver="ada", reason="a large order indeed")
    assert entries(project) == [("rows", "replayed", 1), ("candidate", "approved", 2)]
    assert accounts(project) == [(FileState.LANDED, 2, 2, 0, 0)]


def test_of_two_replays_at_once_one_publishes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change(project, "ge=0", "ge=-100")
    publish_in, raced = replay_rows.publish_in, []

    def second_first(gate: Gate, publication: Publication) -> Done:
        if not raced:
            raced.append(publication)
            assert not replay(gate_of(project), 1, by="bob").is_no
        return publish_in(gate, publication)

    monkeypatch.setattr(replay_rows, "publish_in", second_first)
    with pytest.raises((BaseMoved, AlreadySettled)):
        replay(gate_of(project), 1, by="ada")
    assert len(orders(project)) == 3


def replay_first(project: Path) -> None:
    replay(gate_of(project), 1)


@pytest.mark.parametrize(
    ("module", "function", "when"),
    [
        ("gate.cycle.replay_rows", "close_candidate", "after"),
        ("lake.writer", "replace_addresses", "after"),
        ("lake.writer", "reread", "before"),
    ],
)
def test_a_killed_replay_moves_its_rows_whole_or_not_at_all(
    project: Path, module: str, function: str, when: str
) -> None:
    change(project, "ge=0", "ge=-100")
    killed = run_killed(project, f"orchestrator_platform.{module}", function, when, replay_first)
    assert killed == -signal.SIGKILL
    replay(gate_of(project), 1)
    assert orders(project) == [(1, "day1.csv", 1), (4, "day1.csv", 4), (2, "day1.csv", 2)]
    assert accounts(project) == [(FileState.LANDED, 4, 3, 1, 0)]
    assert entries(project) == [("rows", "waiting", 1)]
