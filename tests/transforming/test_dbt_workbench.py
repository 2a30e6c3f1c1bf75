"""One build, one run of tests, step by step."""

import importlib
import os
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from orchestrator_platform.errors import DbtFailed, Misuse
from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.transforming import dbt_workbench, recorded_tests
from orchestrator_platform.transforming.workbench import close_columns_sql, connect_workbench

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
TABLE = "{{ config(materialized='table') }} "
BIG = TABLE + "select * from {{ source('raw', 'orders') }} where amount > 10"
MERGED = """
{{ config(materialized='incremental', incremental_strategy='merge', unique_key='id') }}
select * from {{ source('raw', 'orders') }} {% if is_incremental() %}where id > 1{% endif %}
"""


def test_a_table_and_what_reads_it_are_built_over_the_lake(orders):
    orders.write(
        {
            "models/big.sql": BIG,
            "models/inline.sql": "{{ config(materialized='ephemeral') }} select * from {{ ref('big') }}",
            "models/total.sql": "{{ config(materialized='view') }} select sum(amount) as s from {{ ref('inline') }}",
            "seeds/codes.csv": 'code,since,name\n1,2026-01-02,a\n2,,"b, c"\n',
        }
    )
    workbench, lines = orders.new_workbench(), []
    before, here = orders.lake.read_bytes(), Path.cwd()
    built = orders.build(workbench, on_event=lines.append)
    assert {node.status for node in built.values()} == {"success"}, built
    assert orders.rows(workbench, built["big"].relation) == [(2, 20)]
    assert orders.rows(workbench, built["total"].relation) == [(20,)]
    assert [row[0] for row in orders.rows(workbench, built["codes"].relation)] == [1, 2]
    assert {node.form for node in built.values()} == {"whole"}
    assert any("big" in line for line in lines)
    assert orders.lake.read_bytes() == before
    assert Path.cwd() == here
    assert not list(orders.folder.rglob("profiles.yml"))


def test_a_delta_holds_only_what_changed_and_the_base_stays(orders):
    orders.write(
        {"models/merged.sql": MERGED, "models/big.sql": TABLE + "select count(*) as n from {{ ref('merged') }}"}
    )
    first = orders.new_workbench()
    orders.publish(first, orders.build(first))
    orders.sql("INSERT INTO raw.orders VALUES (3, 30)")
    workbench, before = orders.new_workbench(), orders.sql("FROM marts.merged")
    merged = orders.build(workbench, ["merged", "big"])["merged"]
    assert (merged.form, merged.key_columns, merged.gone) == ("append", ("id",), None)
    assert orders.rows(workbench, merged.part) == [(3, 30)]
    assert orders.rows(workbench, merged.relation) == [(1, 10), (2, 20), (3, 30)]
    assert orders.rows(workbench, "marts.big") == [(3,)]
    assert orders.sql("FROM marts.merged") == before
    orders.sql("UPDATE raw.orders SET amount = 21 WHERE id = 2")
    changed = orders.new_workbench()
    merged = orders.build(changed, ["merged"])["merged"]
    assert merged.form == "delta"
    assert orders.rows(changed, merged.gone) == [(2,)]
    assert orders.rows(changed, merged.part) == [(2, 21), (3, 30)]
    refreshed = orders.new_workbench()
    assert orders.build(refreshed, ["merged"], full_refresh=True)["merged"].form == "whole"


def test_exactly_the_selected_nodes_are_built_whatever_their_names(orders):
    orders.write(
        {
            "models/a/a.sql": TABLE + "select 1 as x",
            "models/a/a_b.sql": TABLE + "select 2 as x from {{ ref('a') }}",
            "models/a/b+c.sql": "{{ config(materialized='table', alias='bc') }} select 3 as x",
            "models/a/z.sql": TABLE + "select 4 as x from {{ ref('a_b') }}",
            "models/test.yml": "models: [{name: a, columns: [{name: x, data_tests: [unique]}]}]",
        }
    )
    workbench = orders.new_workbench()
    assert set(orders.build(workbench, ["a", "bc"])) == {"a", "bc"}
    with connect_workbench(workbench, orders.setup) as connection:
        made = connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'marts'").fetchall()
    assert {name for (name,) in made} == {"a", "bc"}
    with pytest.raises(Misuse, match="no dbt node"):
        dbt_workbench.build_dbt_nodes(
            orders.load(), ["model.shop.nothing"], workbench, setup=[], published={}, variables={}, run_time=None
        )


def test_a_node_that_fails_names_its_file_and_stops_only_what_needs_it(orders):
    orders.write(
        {
            "models/bad.sql": TABLE + "select nothing_here from {{ source('raw', 'orders') }}",
            "models/above.sql": TABLE + "select * from {{ ref('bad') }}",
            "models/big.sql": BIG,
        }
    )
    built = orders.build(orders.new_workbench())
    assert (built["bad"].status, built["above"].status, built["big"].status) == ("error", "skipped", "success")
    assert "models/bad.sql" in built["bad"].message
    assert "nothing_here" in built["bad"].message


def test_building_the_bare_delta_is_caught(orders):
    """The planted defect: `is_incremental` is true, but dbt's own materialization makes the new rows the table."""
    orders.write({"models/merged.sql": MERGED})
    workbench = orders.new_workbench()
    orders.publish(workbench, orders.build(workbench))
    project = orders.load()
    whole, bare = b"base is none or should_full_refresh()", b"true         or should_full_refresh()"
    packed = project.manifest.read_bytes()
    assert whole in packed
    project.manifest.write_bytes(packed.replace(whole, bare))
    workbench = orders.new_workbench()
    merged = orders.build(workbench)["merged"]
    assert orders.rows(workbench, "marts.merged") == [(2, 20)]
    assert merged.status == "error"
    assert "was not built on it" in merged.message


def test_a_project_cannot_put_its_own_macro_in_the_workbenchs_place(orders):
    orders.write({"macros/own.sql": "{% macro is_incremental() %}{{ return(true) }}{% endmacro %}"})
    with pytest.raises(DbtFailed, match="is_incremental"):
        orders.load()


def test_the_lake_may_be_a_ducklake_at_one_snapshot(orders, tmp_path):
    extensions = [
        f"LOAD '{file}'"
        for name in ("ducklake", "sqlite_scanner")
        for file in Path(importlib.import_module(f"duckdb_extension_{name}").__file__).parent.rglob(
            "*.duckdb_extension"
        )
    ]
    catalog = f"'ducklake:sqlite:{tmp_path / 'catalog.sqlite'}' AS lake"
    with duckdb.connect() as writer:
        for statement in [
            *extensions,
            f"ATTACH {catalog} (DATA_PATH '{tmp_path / 'data'}', DATA_INLINING_ROW_LIMIT 0)",
        ]:
            writer.execute(statement)
        writer.execute("CREATE SCHEMA lake.raw; CREATE TABLE lake.raw.orders AS SELECT 1 AS id, 10 AS amount")
        writer.execute("CREATE SCHEMA lake.marts; CREATE TABLE lake.marts.merged AS FROM lake.raw.orders")
        writer.execute("INSERT INTO lake.raw.orders VALUES (2, 20)")
        snapshot = writer.execute("FROM lake.last_committed_snapshot()").fetchone()[0]
        writer.execute("INSERT INTO lake.raw.orders VALUES (3, 30)")
    orders.write({"models/merged.sql": MERGED})
    setup = [*extensions, f"ATTACH {catalog} (READ_ONLY, SNAPSHOT_VERSION {snapshot})"]
    published = {AssetKey(key): f"lake.{key}" for key in ("raw.orders", "marts.merged")}
    workbench, project = orders.new_workbench(), orders.load()
    options = {"setup": setup, "published": published, "variables": {}, "run_time": NOON}
    (merged,) = dbt_workbench.build_dbt_nodes(project, ["model.shop.merged"], workbench, **options)
    assert (merged.status, merged.form) == ("success", "append"), merged.message
    with connect_workbench(workbench, setup) as connection:
        assert connection.execute(f"FROM {merged.relation} ORDER BY id").fetchall() == [(1, 10), (2, 20)]


HOSTILE = {
    "models/reads_a_file.sql": TABLE + "select * from read_csv('{{ project_name }}.csv')",
    "models/scans_a_file.sql": TABLE + "select * from 'x.parquet'",
    "models/two.sql": TABLE + "select 1 as a; attach 'x.duckdb' as x",
    "models/hook.sql": "{{ config(materialized='table', pre_hook=\"attach 'x.duckdb' as x\") }} select 1 as a",
    "models/late_hook.sql": "{{ config(materialized='table', post_hook=\"copy {{ this }} to 'x.csv'\") }} select 1",
    "models/macro.sql": TABLE + "{{ export() }} select 1 as a",
    "models/header.sql": TABLE + "{% call set_sql_header(config) %}set threads = 1;{% endcall %} select 1 as a",
    "models/past.sql": TABLE + "select * from lake.raw.orders",
    "models/hidden.sql": TABLE + "{% do run_query(\"select * from query('select 1')\") %} select 1 as a",
    "models/inline.sql": "{{ config(materialized='ephemeral') }} select * from glob('*')",
    "models/through.sql": TABLE + "select * from {{ ref('inline') }}",
}


def test_sql_that_reaches_outside_is_refused_wherever_it_stands(orders):
    orders.write({**HOSTILE, "models/big.sql": BIG})
    orders.write(
        {"macros/export.sql": "{% macro export() %}{% do run_query(\"copy (select 1) to 'x.csv'\") %}{% endmacro %}"}
    )
    built = orders.build(orders.new_workbench())
    assert built.pop("big").status == "success"
    for name, node in built.items():
        assert node.status == "error", name
        assert "may not run" in node.message, (name, node.message)
    assert len(built) == len(HOSTILE) - 1
    assert not [*Path.cwd().glob("x.*"), *orders.root.glob("x.*")]


def test_a_hook_of_the_project_that_fails_fails_the_call_and_guards_are_gone_afterwards(orders):
    from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper
    from dbt.compilation import Compiler
    from dbt.config import project

    before = (DuckDBCursorWrapper.execute, Compiler.compile_node, project.load_raw_project)
    orders.write({"models/big.sql": BIG})
    file = orders.root / "dbt_project.yml"
    file.write_text(file.read_text() + "on-run-start: \"attach 'x.duckdb' as x\"\n")
    with pytest.raises(DbtFailed, match="may not run"):
        orders.build(orders.new_workbench())
    assert (DuckDBCursorWrapper.execute, Compiler.compile_node, project.load_raw_project) == before


TESTED = """
models:
  - name: big
    columns:
      - {name: id, data_tests: [unique, {accepted_values: {arguments: {values: [1], quote: false}}}]}
      - {name: amount, data_tests: [{not_null: {config: {severity: warn}}}]}
unit_tests:
  - name: only_big_ones
    model: big
    given: [{input: "source('raw', 'orders')", rows: [{id: 1, amount: 5}, {id: 2, amount: 50}]}]
    expect: {rows: [{id: 2, amount: 50}]}
"""


def test_every_test_asked_for_has_a_result(orders, monkeypatch):
    orders.write({"models/big.sql": BIG, "models/tests.yml": TESTED})
    orders.write({"tests/broken.sql": "select nothing from {{ ref('big') }}"})
    workbench = orders.new_workbench()
    orders.publish(workbench, orders.build(workbench))
    orders.sql("INSERT INTO marts.big SELECT 100 + range, NULL FROM range(30)")
    results = orders.test(orders.new_workbench())
    statuses = {name.split("__")[0].split("_big_")[0]: result.status for name, result in results.items()}
    expected = {
        "unique": "pass",
        "accepted_values": "fail",
        "not_null": "warn",
        "broken": "error",
        "only": "pass",
    }
    assert statuses == expected, results
    failed = next(result for result in results.values() if result.status == "fail")
    assert (failed.n_failing, len(failed.sample)) == (31, 10)
    assert set(failed.sample[0]) == {"value_field", "n_records"}
    assert "accepted" in failed.unique_id
    assert "marts" in failed.compiled_sql

    for record in orders.folder.glob(f"cache/*/{recorded_tests.FILE}"):
        record.unlink()
    monkeypatch.setattr(dbt_workbench, "_tag", lambda entry: None if "unique" in str(entry.unique_id) else TAG(entry))
    lost = orders.test(orders.new_workbench())
    assert {r.status for name, r in lost.items() if name.startswith("unique")} == {"skipped"}
    assert {r.status for name, r in lost.items() if name.startswith("not_null")} == {"warn"}


TAG = dbt_workbench._tag

LIMITS = {
    "plain": ("{}", 0),
    "warns": ("{severity: warn}", "warns if != 0"),
    "some": ("{error_if: '> 10'}", "fails if > 10"),
    "narrow": ("{where: 'false'}", "where false"),
    "few": ("{limit: 5}", "in at most 5 rows"),
    "sums": ("{fail_calc: 'sum(id)'}", "of sum(id)"),
}


def test_what_a_test_tolerates_and_passes_over_is_known_before_it_runs(orders):
    tests = [f"          - not_null: {{name: {name}, config: {config}}}\n" for name, (config, _) in LIMITS.items()]
    tests.append("          - unique: {name: turned_off, config: {enabled: false}}\n")
    columns = "models:\n  - name: big\n    columns:\n      - name: id\n        data_tests:\n"
    orders.write({"models/big.sql": BIG, "models/tests.yml": columns + "".join(tests)})
    assert {test.name: test.limit for test in orders.load().tests} == {name: said for name, (_, said) in LIMITS.items()}


def test_a_test_whose_table_is_not_there_is_an_error(orders):
    orders.write({"models/big.sql": BIG, "models/tests.yml": TESTED.split("unit_tests", maxsplit=1)[0]})
    results = orders.test(orders.new_workbench(), {AssetKey("raw.orders"): "lake.raw.orders"})
    assert {result.status for result in results.values()} == {"error"}


def test_a_microbatch_model_starts_at_its_beginning_and_goes_on_from_the_base(orders):
    orders.sql(
        "CREATE OR REPLACE TABLE raw.orders AS"
        " SELECT range AS id, TIMESTAMP '2026-03-06' + INTERVAL (range) DAY AS ts FROM range(4)"
    )
    model = """{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='ts',
        batch_size='day', begin='2026-03-05', lookback=0) }} select * from {{ source('raw', 'orders') }}"""
    orders.write({"models/batched.sql": model})
    timed = "sources: [{name: raw, schema: raw, tables: [{name: orders, config: {event_time: ts}}]}]"
    orders.write({"models/sources.yml": timed})
    workbench = orders.new_workbench()
    built = orders.build(workbench)
    assert [row[0] for row in orders.rows(workbench, built["batched"].relation)] == [0, 1, 2, 3]
    orders.publish(workbench, built)
    orders.sql("INSERT INTO raw.orders VALUES (9, '2026-03-10 05:00:00'), (10, '2026-03-01 00:00:00')")
    again = orders.new_workbench()
    node = orders.build(again)["batched"]
    assert [row[0] for row in orders.rows(again, node.part)] == [9]
    assert [row[0] for row in orders.rows(again, node.relation)] == [0, 1, 2, 3, 9]


def test_what_the_lake_cannot_hold_is_cast_or_refused():
    described = [
        ("n", "HUGEINT"),
        ("u", "UHUGEINT"),
        ("e", "ENUM('a', 'b''c')"),
        ("v", "FLOAT[3]"),
        ("s", "STRUCT(x HUGEINT)"),
    ]
    sql = close_columns_sql("marts.x", described)
    assert sql.split(", C") == [
        'CAST("n" AS BIGINT) AS "n"',
        'AST("u" AS UBIGINT) AS "u"',
        'AST("e" AS VARCHAR) AS "e"',
        'AST("v" AS FLOAT[]) AS "v"',
        'AST("s" AS STRUCT(x BIGINT)) AS "s"',
    ]
    assert close_columns_sql("marts.x", [('a"b', "DATE")]) == '"a""b"'
    with pytest.raises(Misuse, match=r"marts\.x: column b is BIT"):
        close_columns_sql("marts.x", [("b", "BIT")])


def test_a_workbench_has_its_name(tmp_path):
    with pytest.raises(Misuse, match=r"workbench\.duckdb"), connect_workbench(tmp_path / "other.duckdb"):
        pass


def every_variable_of_dbt():
    from dbt.cli.main import cli

    parameters = [
        p for command in (cli, *(cli.commands[name] for name in ("parse", "build", "test"))) for p in command.params
    ]
    return {
        name: "1" for p in parameters if p.envvar for name in ([p.envvar] if isinstance(p.envvar, str) else p.envvar)
    }


REPLAYED = {"DBT_RECORDER_MODE": "replay", "DBT_RECORDER_FILE_PATH": "nowhere.json"}


@pytest.mark.parametrize("poison", [lambda: {"DBT_EMPTY": "1"}, every_variable_of_dbt, lambda: REPLAYED])
def test_a_variable_that_sets_a_flag_of_dbt_changes_nothing(orders, monkeypatch, poison):
    orders.write({"models/merged.sql": MERGED, "models/big.sql": BIG, "models/tests.yml": TESTED})
    first = orders.new_workbench()
    orders.publish(first, orders.build(first))
    orders.sql("INSERT INTO raw.orders VALUES (3, 30)")
    for name, value in poison().items():
        monkeypatch.setenv(name, value)
    orders.write({"models/more.sql": "select * from {{ ref('big') }}"})
    workbench = orders.new_workbench()
    built = orders.build(workbench)
    assert {node.status for node in built.values()} == {"success"}, built
    assert built["merged"].form == "append"
    assert orders.rows(workbench, "marts.more") == [(2, 20), (3, 30)]
    results = orders.test(orders.new_workbench())
    assert {"pass", "fail"} == {result.status for result in results.values()}
    assert poison().items() <= os.environ.items()


def test_a_project_reads_the_variables_that_it_names_whatever_they_are_called(orders, monkeypatch):
    monkeypatch.setenv("DBT_TARGET_PATH", "mine")
    monkeypatch.setenv("DBT_ENV_CUSTOM_ENV_TEAM", "shop")
    names = "env_var('DBT_TARGET_PATH'), env_var('DBT_ENGINE_TARGET_PATH', 'none'), env_var('DBT_ENV_CUSTOM_ENV_TEAM')"
    orders.write({"models/seen.sql": TABLE + "select '{{ [" + names + "] | join(' ') }}' as names"})
    workbench = orders.new_workbench()
    assert orders.build(workbench)["seen"].status == "success"
    assert orders.rows(workbench, "marts.seen") == [("mine none shop",)]


FORGED = "create or replace view {{ source('raw', 'orders') }} as select 1 as id, 99 as amount"
BEYOND_ITSELF = {
    "a_parent": FORGED,
    "a_parent_dropped": 'drop view RAW."Orders"',
    "a_schema": "drop schema raw cascade",
    "another_model": "insert into marts.big values (9, 9)",
    "another_models_name": "alter table {{ this }} rename to later",
    "another_base": 'create or replace view _base."marts.big" as select 1 as id',
    "another_part": 'create table _part."marts.big" as select 1 as id, 99 as amount',
    "after_with": "with update as (select 9 as id) delete from workbench.marts.big",
}


@pytest.mark.parametrize("name", BEYOND_ITSELF)
@pytest.mark.parametrize("hook", ["pre_hook", "post_hook"])
def test_a_model_changes_no_table_but_its_own(orders, name, hook):
    statement = BEYOND_ITSELF[name].replace('"', '\\"')
    model = f"{{{{ config(materialized='table', {hook}=\"{statement}\") }}}} select 1 as id -- {{{{ ref('big') }}}}"
    orders.write({"models/big.sql": BIG, "models/forger.sql": model})
    orders.write(
        {"models/later.sql": TABLE + "select sum(amount) as s from {{ source('raw', 'orders') }} -- {{ ref('big') }}"}
    )
    built = orders.build(workbench := orders.new_workbench())
    assert {name: node.status for name, node in built.items()} == {
        "big": "success",
        "forger": "error",
        "later": "success",
    }
    assert f"models/forger.sql may not run `{BEYOND_ITSELF[name][:6]}" in built["forger"].message
    assert "its own table alone" in built["forger"].message
    assert orders.rows(workbench, "marts.big") == [(2, 20)]
    assert orders.rows(workbench, "marts.later") == [(30,)]


def test_a_hook_of_the_project_changes_no_table_of_it(orders):
    orders.write({"models/big.sql": BIG})
    file = orders.root / "dbt_project.yml"
    file.write_text(file.read_text() + 'on-run-end: "insert into marts.big values (9, 9)"\n')
    with pytest.raises(DbtFailed, match=r"changes marts\.big"):
        orders.build(orders.new_workbench())


def test_a_model_may_change_its_own_table_and_keep_tables_that_nobody_else_has(orders):
    hooks = [
        "create schema if not exists kept",
        "create table if not exists kept.log as select 1 as n",
        "insert into kept.log values (2)",
        "update {{ this }} set amount = amount + 1",
        "delete from {{ this }} where id = 1",
        "drop table kept.log",
    ]
    model = f"{{{{ config(materialized='table', post_hook={hooks}) }}}} select * from {{{{ source('raw', 'orders') }}}}"
    orders.write({"models/mine.sql": model})
    built = orders.build(workbench := orders.new_workbench())
    assert built["mine"].status == "success", built
    assert orders.rows(workbench, "marts.mine") == [(2, 21)]
