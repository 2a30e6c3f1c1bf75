"""What may run in the workbench, and what may not."""

import pytest

from orchestrator_platform.errors import StatementRefused
from orchestrator_platform.transforming.statement_check import StatementCheck, check_query

HOSTILE_QUERIES = [
    "select * from read_csv('/etc/passwd')",
    "select * from \"read_csv\"('/etc/passwd')",
    "select * from read_text('/etc/passwd') as t",
    "select * from '/data/x.parquet'",
    'select * from "x.csv"',
    "select * from data.parquet",
    "from 'https://example.com/x.json'",
    "select * from glob('*')",
    "select * from query('attach ''x'' as y')",
    "select * from query_table('raw.orders')",
    "select * from ducklake_expire_snapshots('lake', versions => [1])",
    "select * from sqlite_scan('x.sqlite', 't')",
    "select * from postgres_query('db', 'drop table t')",
    "select (select max(value) from duckdb_settings())",
    "select * from duckdb_secrets()",
    "select getenv('HOME')",
    "select current_setting('s3_secret_access_key') from t",
    "with x as (select * from parquet_metadata('x')) select * from x",
    "select * from t where id in (select id from read_json('x'))",
    "select * from t, lateral (select * from read_blob('x'))",
    "select * from lake.raw.orders",
    "select * from __ducklake_metadata_lake.ducklake_snapshot",
    "select * from raw.orders at (version => 3)",
    "select * from lake.snapshots()",
    "select 1 union all select size from read_blob('x')",
    "select 1; select 2",
    "create table t as select 1",
    "",
    "select from where",
    "attach 'x' as y",
    "select * from duckdb_databases",
    "describe (select * from read_csv('x'))",
    "select list_transform([1], lambda x: (select count(*) from read_csv('x')))",
]

HARMLESS_QUERIES = [
    "select 1",
    "from raw.orders",
    "with o as (select * from raw.orders) select * from o where amount > 0",
    'select * from "workbench"."raw"."orders"',
    'select * from "workbench"."raw"."json"',
    "select id, sum(amount) filter (where ok) over (partition by id) from raw.orders group by all",
    "select * from unnest([1, 2]) t(x)",
    "select * from range(10), generate_series(1, 3) g(y)",
    "select j.key from raw.orders, json_each(doc) j",
    "select doc->>'$.a.csv', 'from read_csv(''x'')' from raw.orders",
    "select * exclude (a) replace (b + 1 as b) from t -- from read_csv('x')",
    "select * from t tablesample reservoir(10 rows) repeatable (1)",
    "select * from a asof join b using (id, ts)",
    "select * from t qualify row_number() over (partition by id order by ts desc) = 1",
    "values (1, 'x'), (2, 'y')",
    "pivot t on kind in ('a', 'b') using sum(n)",
    "summarize raw.orders",
    "select strftime(ts, '%Y'), list_transform(l, lambda x: x + 1), struct_pack(a := 1) from t",
    "with recursive r as (select 1 n union all select n + 1 from r where n < 5) select * from r",
    "select cast('1' as decimal(10, 2)), try_cast(x as bigint), glob_column from t",
    "select count(*) from t where name glob 'a*' and note ilike '%.csv'",
    'select "weird ""name""" from "schema"."Table"',
    "select * from raw.orders where exists (select 1 from raw.customers c where c.id = customer_id)",
]

HOSTILE_STATEMENTS = [
    "attach '/x.duckdb' as y",
    "detach lake",
    "copy raw.orders to '/x.parquet'",
    "copy raw.orders from '/x.parquet'",
    "set threads = 1",
    "reset threads",
    "use lake",
    "call ducklake_expire_snapshots('lake')",
    "load httpfs",
    "install httpfs",
    "pragma database_list",
    "export database '/x'",
    "checkpoint",
    "vacuum",
    "prepare p as select 1",
    "execute p",
    "explain analyze select 1",
    "create secret s (type s3, key_id 'a')",
    "create macro f() as table select 1",
    "drop secret s",
    "create table t as select * from read_csv('x')",
    "create table t as (with a as (from 'x.csv') select * from a)",
    "create view v as from '/x.parquet'",
    "insert into t select * from read_parquet('x')",
    "insert into t (a, b) (select a, b from glob('*'))",
    "insert into t from 'x.parquet'",
    "insert into t values ((select count(*) from read_text('x')))",
    "update t set a = (select content from read_text('x'))",
    "update t set a = s.a from read_csv('x') s where s.id = t.id",
    "update t set a = getenv('HOME')",
    "delete from t using read_csv('x') s where s.id = t.id",
    "delete from t using 'x.csv' s where s.id = t.id",
    "merge into t using read_csv('x') s on s.id = t.id when matched then delete",
    "merge into t using 'x.csv' s on s.id = t.id when matched then delete",
    "merge into t using (from query('x')) s on s.id = t.id when matched then delete",
    "update t set a = s.a from u, /* , */ \"read_csv\" /**/ ('x') s where s.id = t.id",
    "select 1; attach 'x' as y",
    "begin; copy t to 'x'",
    "alter database x set alias to y",
    "create table t (a int default (select 1 from read_csv('x')))",
]

HARMLESS_STATEMENTS = [
    "begin transaction",
    "commit",
    "create schema if not exists raw",
    "create or replace view raw.v as select * from raw.orders",
    "create temp table t as (\n  select * from raw.orders\n)",
    'create table "workbench"."raw"."t__dbt_tmp" as (select 1 as id);',
    'create table if not exists _part."raw.orders" as from _base."raw.orders" limit 0',
    "alter table raw.t rename to u",
    'alter table t add column "a.csv" varchar',
    "alter table t alter column n type bigint",
    "drop table if exists raw.t cascade",
    "drop view if exists raw.v",
    "comment on table raw.t is 'from read_csv(''x'')'",
    "insert into t (a, b) (select a, b from s)",
    "insert into t values (1, 'x.csv')",
    "delete from t as DBT_INCREMENTAL_TARGET using s where (s.id = DBT_INCREMENTAL_TARGET.id)",
    "delete from t where (id) in (select (id) from s)",
    "update t set a = lower(s.a) from s where s.id = t.id",
    (
        "merge into t as d using s as s on (s.id = d.id)"
        " when matched then update by name when not matched then insert by name"
    ),
    "merge into t using s using (id) when matched then update",
    "select type from duckdb_databases() where lower(database_name) = 'workbench'",
    "select * from system.information_schema.tables",
    "truncate t",
    'insert into "workbench"."raw"."csv" select 1',
    "delete from t; insert into t select * from s",
    "with a as (select 1 as id) insert into t select id from a",
]


@pytest.mark.parametrize("sql", HOSTILE_QUERIES)
def test_a_query_that_reaches_outside_is_refused(sql):
    with pytest.raises(StatementRefused) as refused:
        check_query(sql, "models/a.sql")
    assert refused.value.where == "models/a.sql"


def test_harmless_queries_pass():
    with StatementCheck() as check:
        for sql in HARMLESS_QUERIES:
            check.query(sql, "models/a.sql")


@pytest.mark.parametrize("sql", HOSTILE_STATEMENTS)
def test_a_statement_that_reaches_outside_is_refused(sql):
    with StatementCheck() as check, pytest.raises(StatementRefused):
        check.statement(sql, "a hook")


def test_harmless_statements_pass():
    with StatementCheck() as check:
        for sql in [*HARMLESS_STATEMENTS, *(q for q in HARMLESS_QUERIES)]:
            check.statement(sql, "a hook")


def test_a_very_deep_query_is_judged_without_exhausting_the_stack():
    deep = "select " + "(" * 150 + "1" + ")" * 150 + " from read_csv('x')"
    with pytest.raises(StatementRefused):
        check_query(deep, "models/deep.sql")
