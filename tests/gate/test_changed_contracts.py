"""What becomes of a raw table when its contract's columns change between two landings: a log only grows."""

from pathlib import Path

import pytest
from made_once import MadeOnce
from small_project import FILES, gate_of, make_project, open_project, write, write_orders

from orchestrator_platform.errors import Misuse
from orchestrator_platform.gate.outcomes import Published, Rejected
from orchestrator_platform.operations.land import land

CONTRACT = "defs/orders/contract.py"
STATUS = 'status: str = pa.Field(isin=["open", "paid"])'


def make_landed(folder: Path) -> None:
    project = make_project(folder)
    land(gate_of(project), "orders", [write_orders(project, "a.csv", (1, "ada", 10, "open"), (2, "bob", 2.5, "paid"))])


@pytest.fixture
def project(made_once: MadeOnce) -> Path:
    return made_once(make_landed)


def change_contract(project: Path, old: str, new: str) -> None:
    make_project(project, changes={CONTRACT: FILES[CONTRACT].replace(old, new)})


def land_text(project: Path, text: str) -> object:
    return land(gate_of(project), "orders", [write(project / "incoming" / "b.csv", text)]).landed.outcome


def orders(project: Path, columns: str) -> list[tuple[object, ...]]:
    return open_project(project).query(f"SELECT {columns} FROM raw.orders ORDER BY _landed_seq").fetchall()


def test_a_new_column_leaves_the_rows_that_were_there(project: Path) -> None:
    change_contract(project, STATUS, STATUS + "\n            note: str = pa.Field(nullable=True)")
    outcome = land_text(project, "order_id,customer,amount,status,note\n3,eve,5,open,late\n")
    assert isinstance(outcome, Published)
    assert orders(project, "_landed_seq, order_id, note") == [(1, 1, None), (2, 2, None), (3, 3, "late")]


def test_a_new_column_that_may_not_be_null_is_judged_on_the_rows_that_were_there(project: Path) -> None:
    change_contract(project, STATUS, STATUS + "\n            note: str")
    outcome = land_text(project, "order_id,customer,amount,status,note\n3,eve,5,open,late\n")
    assert isinstance(outcome, Rejected)
    assert orders(project, "order_id") == [(1,), (2,)]


def test_a_dropped_column_leaves_the_rows_that_were_there(project: Path) -> None:
    change_contract(project, STATUS, "")
    outcome = land_text(project, "order_id,customer,amount\n3,eve,5\n")
    assert isinstance(outcome, Published)
    assert orders(project, "_landed_seq, order_id, amount") == [(1, 1, 10.0), (2, 2, 2.5), (3, 3, 5.0)]


def test_a_wider_type_leaves_the_rows_that_were_there(project: Path) -> None:
    change_contract(project, "order_id: int", "order_id: float")
    assert isinstance(land_text(project, "order_id,customer,amount,status\n3.5,eve,5,open\n"), Published)
    assert orders(project, "order_id, amount") == [(1.0, 10.0), (2.0, 2.5), (3.5, 5.0)]


def test_a_type_that_cannot_hold_what_was_there_is_refused(project: Path) -> None:
    change_contract(project, "amount: float", "amount: int")
    with pytest.raises(Misuse, match=r"amount cannot go from DOUBLE to BIGINT: 1 of its served values would be lost"):
        land_text(project, "order_id,customer,amount,status\n3,eve,5,open\n")
    assert orders(project, "order_id, amount") == [(1, 10.0), (2, 2.5)]
