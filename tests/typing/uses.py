"""What a project's own code writes; mypy reads this file strictly, and nothing runs it."""

from collections.abc import Sequence
from typing import assert_type

import duckdb
import pandas as pd

from orchestrator_platform import Platform, python_table
from orchestrator_platform.errors import Misuse, OrchestratorError, Refusal, UnknownAsset
from orchestrator_platform.operations.platform import Cut
from orchestrator_platform.records.diffs import TableDiff
from orchestrator_platform.records.searches import Found
from orchestrator_platform.transforming.python_table import PythonTable


@python_table(key="marts.totals", parents={"orders": "raw.orders"}, contract="contract.py:Totals")
def totals(orders: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    return orders.aggregate("customer, sum(amount) AS total")


@python_table(
    key="marts.best", parents={"totals": "marts.totals"}, contract="contract.py:Best", description="The best."
)
def best(totals: pd.DataFrame) -> pd.DataFrame:
    return totals.nlargest(1, "total")


def read() -> None:
    platform = Platform.open(home="home", project="project")
    assert_type(platform.read("marts.totals"), duckdb.DuckDBPyRelation)
    assert_type(platform.read("marts.totals", version=1), duckdb.DuckDBPyRelation)
    assert_type(platform.at(), Cut)
    assert_type(platform.at(12).query("SELECT ?", [1]), duckdb.DuckDBPyRelation)
    assert_type(platform.diff("marts.totals", from_version=1, to_version=2), TableDiff)
    assert_type(platform.candidate(7).read(), duckdb.DuckDBPyRelation)
    assert_type(platform.search("a vpn gateway", where="score > ?", values=[7], k=3), Found)
    assert_type(totals, PythonTable)


def answer(error: OrchestratorError) -> str:
    match error:
        case UnknownAsset():
            assert_type(error.known, tuple[str, ...])
            return error.name
        case Misuse() | Refusal():
            return f"{error.code}, exit {error.exit_code}"
        case _:
            return "again" if error.retryable else "never"


def names(error: UnknownAsset) -> Sequence[str]:
    return error.known
