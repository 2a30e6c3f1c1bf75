"""What is discarded is closed for good: nothing of it comes back, and its rows stay counted."""

from pathlib import Path

import pytest
from small_project import FILES, gate_of, make_project, open_project, write, write_orders

from orchestrator_platform.errors import AlreadySettled, Misuse, NotPermitted
from orchestrator_platform.gate.outcomes import Held, Published, Rejected, Unchanged
from orchestrator_platform.operations.audit import audit_again
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.discard import discard, plan_discard
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.records_of import journal, ledger, quarantine
from orchestrator_platform.records.ledger import FileState, QuarantineState
from orchestrator_platform.records.verdicts import Decision

GOOD, LARGE, BAD = (1, "ann", 10, "open"), (2, "bob", 5000, "open"), (3, "eve", -1, "open")
TWICE = {"defs/orders/contract.py": FILES["defs/orders/contract.py"].replace('"none"', '["order_id"]')}


def states(project: Path) -> list[str]:
    return [entry.state for entry in quarantine(open_project(project))]


def test_discarded_inputs_stay_rejected_and_the_candidate_is_gone(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    land(gate_of(project), "orders", [write_orders(project, "day1.csv", LARGE)])
    assert isinstance(build(gate_of(project)).outcomes[0], Rejected)
    snapshot = open_project(project).cut().snapshot
    planned = plan_discard(gate_of(project), 1)
    assert (planned.entry.id, planned.agent, planned.files_refused) == (1, "judge", ())
    assert open_project(project).cut().snapshot == snapshot

    done = discard(gate_of(project), 1, why=" not worth it ")
    assert done.entry.state is QuarantineState.DISCARDED
    assert not list((project / "home/candidates").iterdir())
    (event,) = [event for event in journal(open_project(project)) if event.act == "discard"]
    assert (event.agent, event.subject, event.reason) == ("judge", "marts.totals", "not worth it")
    assert isinstance(build(gate_of(project)).outcomes[0], Held), "the inputs are the same"
    with pytest.raises(AlreadySettled, match="discarded"):
        discard(gate_of(project), 1, why="again")
    land(gate_of(project), "orders", [write_orders(project, "day2.csv", (4, "bob", 7, "open"), GOOD)])
    assert isinstance(build(gate_of(project)).outcomes[0], Rejected), "other inputs are judged"


def test_rows_that_are_discarded_stay_quarantined(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    land(gate_of(project), "orders", [write_orders(project, "day1.csv", GOOD, BAD)])
    discard(gate_of(project), 1, why="a typing error", by="ada")
    assert states(project) == ["discarded"]
    (line,) = ledger(open_project(project))
    assert (line.n_published, line.n_quarantined) == (1, 1)
    assert journal(open_project(project), 1)[0].agent == "person:ada"
    assert audit_again(gate_of(project), "raw.orders").verdict.decision is Decision.APPROVE


def test_the_files_of_a_discarded_landing_are_refused_and_not_judged_again(tmp_path: Path) -> None:
    project = make_project(tmp_path, changes=TWICE)
    twice = write_orders(project, "day1.csv", GOOD, GOOD, BAD)
    assert isinstance(land(gate_of(project), "orders", [twice]).landed.outcome, Rejected)
    assert plan_discard(gate_of(project), 1).files_refused == ("day1.csv",)
    discard(gate_of(project), 1, why="sent in error")
    (line,) = ledger(open_project(project))
    assert (line.state, line.n_rows, line.n_quarantined) == (FileState.REFUSED, 3, 3)
    assert not list((project / "home/landing/orders").rglob("*.csv"))
    again = land(gate_of(project), "orders", [twice])
    assert isinstance(again.landed.outcome, Unchanged)
    assert [entry.state for entry in ledger(open_project(project))] == [FileState.REFUSED, FileState.DUPLICATE]
    assert isinstance(
        land(gate_of(project), "orders", [write_orders(project, "day2.csv", GOOD)]).landed.outcome, Published
    )
    assert audit_again(gate_of(project), "raw.orders").verdict.decision is Decision.APPROVE


def test_a_file_that_another_candidate_holds_waits_with_that_one(tmp_path: Path) -> None:
    project = make_project(tmp_path, changes=TWICE)
    land(gate_of(project), "orders", [write_orders(project, "day1.csv", GOOD, GOOD)])
    contract = project / "defs/orders/contract.py"
    write(contract, contract.read_text().replace("ge=0", "ge=1"))
    assert isinstance(land(gate_of(project), "orders").landed.outcome, Rejected)
    assert plan_discard(gate_of(project), 1).files_refused == ()
    discard(gate_of(project), 1, why="overtaken")
    assert ledger(open_project(project)) == ()
    assert plan_discard(gate_of(project), 2).files_refused == ("day1.csv",)


def test_a_discard_needs_a_reason_an_entry_and_a_seat(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    land(gate_of(project), "orders", [write_orders(project, "day1.csv", GOOD, BAD)])
    with pytest.raises(Misuse, match="--why"):
        discard(gate_of(project), 1, why=" ")
    with pytest.raises(Misuse, match="nothing numbered 7"):
        discard(gate_of(project), 7, why="why not")
    write(project / "agents/judge.md", (project / "agents/judge.md").read_text().replace(", discard]", "]"))
    with pytest.raises(NotPermitted):
        discard(gate_of(project), 1, why="it may not")
    assert states(project) == ["waiting"]
