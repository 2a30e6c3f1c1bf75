"""Which relations a statement changes, as its words say."""

import duckdb
import pytest

from orchestrator_platform.transforming.changed_relations import Change, RelationOwners, find_changes
from orchestrator_platform.transforming.sql_words import split_words

CHANGES = {
    "create or replace view raw.orders as select 1": "raw.orders",
    'create temp table "workbench"."marts"."T__dbt_tmp" as (select 1)': "workbench.marts.t__dbt_tmp",
    "create table if not exists raw./* a */orders(id int)": "raw.orders",
    "drop table if exists raw.t cascade": "raw.t",
    "comment on table raw.t is 'x'": "raw.t",
    "alter table raw.t rename to u": "raw.t raw.u",
    "alter table if exists t rename column a to b": "t",
    "insert or replace into t (a, b) select 1, 2": "t",
    'insert into "select" values (1)': "select",
    "update t set a = 1": "t",
    "delete from t as d using s where s.id = d.id": "t",
    "truncate t": "t",
    "truncate table raw.t": "raw.t",
    "merge into t as d using s as s on (s.id = d.id) when matched then update by name": "t",
    "with a as (select 1) insert into t select * from a": "t",
    "with update as (select 1), b(x) as not materialized (select 2) delete from raw.t": "raw.t",
    "with recursive a as (select 1) merge into t using a on true when matched then delete": "t",
    "create or replace schema raw": "raw",
    "drop schema workbench.raw": "workbench.raw",
    # What cannot be told from the words is told to be nothing, and refused.
    "create table 'orders' as select 1": "",
    "delete from only t": "",
    "update only t set a = 1": "",
    'with "as" as (select 1) delete from t': "",
}


def words_of(sql):
    (statement,) = duckdb.connect().extract_statements(sql)
    return split_words(statement.query), statement.type


@pytest.mark.parametrize("sql", CHANGES)
def test_what_a_statement_changes_is_read_from_its_words(sql):
    assert " ".join(".".join(change.name) for change in find_changes(*words_of(sql))) == CHANGES[sql]


def test_a_schema_that_is_added_changes_nothing():
    assert list(find_changes(*words_of("create schema if not exists raw"))) == [Change(("",), of_schema=True)]


MAY = {
    "create table marts.mine as select 1": True,
    "alter table marts.mine__dbt_tmp rename to mine": True,
    'create table _part."marts.mine" as select 1': True,
    'drop table _part."marts.mine__dbt_tmp"': True,
    "create schema if not exists raw": True,
    "create table marts.scratch as select 1": True,
    "drop schema kept": True,
    'create view _base."marts.mine" as select 1': False,
    'create table _part."marts.other" as select 1': False,
    "create view raw.orders as select 1": False,
    "create view RAW.Orders as select 1": False,
    "create view plain as select 1": False,
    "create view workbench.plain as select 1": False,
    "create view temp.plain as select 1": False,
    "alter table marts.mine rename to other": False,
    "drop schema raw": False,
    "drop schema _part": False,
    "create or replace schema marts": False,
    "delete from only marts.mine": False,
}


@pytest.mark.parametrize("sql", MAY)
def test_a_node_changes_what_is_its_own_or_nobodys(sql):
    owners = RelationOwners({"raw.orders": "", "marts.mine": "m", "marts.other": "o", "main.plain": "p"})
    with owners.at("m", "models/mine.sql"):
        assert (owners.object_to(*words_of(sql)) is None) == MAY[sql]
    assert owners.where == "dbt in the workbench"
    assert owners.object_to(*words_of("drop table marts.mine")) is not None
