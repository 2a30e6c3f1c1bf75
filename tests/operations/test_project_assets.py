from pathlib import Path

import pytest
from small_project import DBT_FILES, FILES, gate_of, make_project

from orchestrator_platform.errors import DefinitionError


def test_dbt_tables_without_a_dbt_project_are_an_error(tmp_path: Path) -> None:
    folder = make_project(tmp_path, changes={"defs/dbt/defs.yaml": DBT_FILES["defs/dbt/defs.yaml"]})
    with pytest.raises(DefinitionError, match=r"there is no .*dbt_project\.yml") as wrong:
        gate_of(folder)
    assert wrong.value.file == str(folder / "defs/dbt/defs.yaml")


def test_a_parent_that_nothing_declares_is_an_error(tmp_path: Path) -> None:
    tables = FILES["defs/marts/tables.py"].replace('"raw.orders"', '"raw.bills"')
    with pytest.raises(DefinitionError, match=r"marts\.totals reads raw\.bills"):
        gate_of(make_project(tmp_path, changes={"defs/marts/tables.py": tables}))


def test_rows_promised_of_what_nothing_declares_are_an_error(tmp_path: Path) -> None:
    contract = FILES["defs/marts/contract.py"].replace('"marts.totals"', '"marts.sums"')
    with pytest.raises(DefinitionError, match=r"marts\.ranking .*marts\.sums.*nothing declares"):
        gate_of(make_project(tmp_path, changes={"defs/marts/contract.py": contract}))
