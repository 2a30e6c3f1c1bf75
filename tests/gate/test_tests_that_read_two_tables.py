"""A dbt test judges every candidate that it reads, whichever table it is written at."""

from pathlib import Path

import pytest
from made_once import MadeOnce
from small_project import DBT_FILES, gate_of, make_project, open_project, write, write_orders

from orchestrator_platform.gate.outcomes import Held, Outcome, Published, Rejected, Unchanged
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land
from orchestrator_platform.records.keys import AssetKey

NAMES, BILLS = AssetKey("marts.names"), AssetKey("marts.bills")
ALL = "select distinct customer from {{ source('raw', 'orders') }}"
MODELS = """
version: 2
sources:
  - name: raw
    schema: raw
    tables: [{name: orders}]
models:
  - name: names
    config: {meta: {grain: [customer]}}
    columns: [{name: customer, data_type: VARCHAR}]
  - name: bills
    config: {meta: {grain: [customer]}}
    columns:
      - name: customer
        data_type: VARCHAR
        data_tests:
          - relationships: {arguments: {to: ref('names'), field: customer}}
"""


def make_names_and_bills(folder: Path) -> None:
    changes = {"dbt/models/models.yml": MODELS, "dbt/models/names.sql": ALL, "dbt/models/bills.sql": ALL}
    project = make_project(folder, dbt=True, changes=changes)
    (project / "dbt/models/statuses.sql").unlink()
    assert "dbt/models/statuses.sql" in DBT_FILES
    land(gate_of(project), "orders", [write_orders(project, "a.csv", (1, "ada", 10, "open"), (2, "bob", 3, "paid"))])
    assert {type(outcome) for outcome in build(gate_of(project), [NAMES, BILLS]).outcomes} == {Published}


@pytest.fixture
def project(made_once: MadeOnce) -> Path:
    return made_once(make_names_and_bills)


def built(project: Path, *models: tuple[str, str]) -> dict[AssetKey, Outcome]:
    for name, sql in models:
        write(project / "dbt/models" / f"{name}.sql", sql)
    return {outcome.asset: outcome for outcome in build(gate_of(project), [NAMES, BILLS]).outcomes}


def customers(project: Path, table: AssetKey) -> list[str]:
    return [row[0] for row in open_project(project).query(f"SELECT customer FROM {table} ORDER BY 1").fetchall()]


def test_a_table_whose_change_would_break_what_serves_beside_it_is_rejected(project: Path) -> None:
    outcomes = built(project, ("names", ALL + " where customer <> 'bob'"))
    rejected = outcomes[NAMES]
    assert isinstance(rejected, Rejected)
    (finding,) = rejected.verdict.blocking
    assert finding.check.startswith("dbt_relationships_bills")
    assert isinstance(outcomes[BILLS], Unchanged)
    assert customers(project, NAMES) == ["ada", "bob"]

    # Nothing changed, so nothing is judged anew; what serves beside it did, so it is.
    assert isinstance(built(project)[NAMES], Held)
    assert isinstance(built(project, ("bills", ALL + " where customer <> 'bob'"))[BILLS], Published)
    assert isinstance(built(project)[NAMES], Published)
    assert customers(project, NAMES) == ["ada"]


def test_a_table_rejected_for_its_own_test_takes_nobody_down_with_it(project: Path) -> None:
    more = " union all select 'eve'"
    outcomes = built(project, ("names", ALL + " union all select 'zoe'"), ("bills", ALL + more))
    assert isinstance(outcomes[BILLS], Rejected)
    assert isinstance(outcomes[NAMES], Published), "judged again beside what still serves"
    assert (customers(project, NAMES), customers(project, BILLS)) == (["ada", "bob", "zoe"], ["ada", "bob"])
