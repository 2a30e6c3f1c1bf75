"""Columns are followed from a dbt model's SQL to the tables that it reads."""

import pytest

from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.transforming.column_lineage import statement_of, trace_columns
from orchestrator_platform.transforming.recorded_builds import RecordedBuild

ORDERS, NAMES = AssetKey("raw.orders"), AssetKey("marts.names")
KNOWN = {
    ORDERS: [("customerID", "VARCHAR"), ("amount", "DOUBLE"), ("status", "VARCHAR")],
    NAMES: [("customer", "VARCHAR"), ("name", "VARCHAR")],
}
SQL = """
create table "workbench"."marts"."totals" as (
    with paid as (
        select customerid as customer, amount from "workbench"."raw"."orders" where status = 'paid'
    ), summed as (
        select customer, sum(amount) as total, count(*) as n_orders from paid group by customer
    )
    select s.*, coalesce(n.name, upper(s.customer)) as shown, 'EUR' as currency
    from summed s left join "workbench"."marts"."names" n on n.customer = s.customer
)
"""


def test_columns_are_followed_through_stars_and_subqueries_to_their_tables() -> None:
    made = trace_columns(SQL, KNOWN)
    assert list(made) == ["customer", "total", "n_orders", "shown", "currency"]
    assert made["customer"] == ((ORDERS, "customerID"),), "in the table's own spelling"
    assert made["total"] == ((ORDERS, "amount"),)
    assert made["shown"] == ((NAMES, "name"), (ORDERS, "customerID"))
    assert made["currency"] == made["n_orders"] == ()


def test_what_only_filters_makes_no_value() -> None:
    sources = {source for columns in trace_columns(SQL, KNOWN).values() for source in columns}
    assert (ORDERS, "status") not in sources


@pytest.mark.parametrize("sql", ["create table x as (select", "drop table x", "create table x (a int)"])
def test_what_cannot_be_followed_is_said_as_such(sql: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        trace_columns(sql, KNOWN)


def test_the_build_without_a_base_is_the_one_that_shows_the_whole_table() -> None:
    on_base = RecordedBuild("model.x", "1", ("create temp table part as (select 1)", "insert into x from part"), ())
    whole = RecordedBuild("model.x", "2", ("create table x as (select 2)",), ())
    assert statement_of([on_base, whole]) == whole.statements[0]
    assert statement_of([]) is None
