"""`rows`, the promise of how a table's rows relate to a parent's: one that proves nothing does not pass."""

from pathlib import Path

import pytest
from small_project import FILES, gate_of, make_project, write_orders

from orchestrator_platform.gate.outcomes import Published, Rejected
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land

CONTRACT, TABLES = "defs/marts/contract.py", "defs/marts/tables.py"
GRAIN, ROWS = '"grain": ["customer"], "rows": ', '{"same_as": "marts.totals"}'


def ranking(tmp_path: Path, contract: str, tables: str = FILES[TABLES]) -> object:
    project = make_project(tmp_path, changes={CONTRACT: contract, TABLES: tables})
    land(gate_of(project), "orders", [write_orders(project, "a.csv", (1, "ada", 10, "open"), (2, "bob", 3, "paid"))])
    return {outcome.asset: outcome for outcome in build(gate_of(project)).outcomes}["marts.ranking"]


def test_a_promise_without_a_shared_column_is_no_promise(tmp_path: Path) -> None:
    contract = FILES[CONTRACT].replace(GRAIN + ROWS, '"grain": ["place"], "rows": {"subset_of": "raw.orders"}')
    outcome = ranking(tmp_path, contract)
    assert isinstance(outcome, Rejected)
    assert "say `on: […]`" in next(f.message for f in outcome.verdict.blocking if f.check == "rows")


@pytest.mark.parametrize(
    ("customer", "kind"), [("customer", Published), ("min(customer) OVER () AS customer", Rejected)]
)
def test_the_same_rows_are_missing_none(tmp_path: Path, customer: str, kind: type) -> None:
    on = '"grain": "none", "rows": {"same_as": {"parent": "marts.totals", "on": ["customer"]}}'
    contract = FILES[CONTRACT].replace(GRAIN + ROWS, on)
    tables = FILES[TABLES].replace('project("customer, row_number()', f'project("{customer}, row_number()')
    assert isinstance(ranking(tmp_path, contract, tables), kind)
