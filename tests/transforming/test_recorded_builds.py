"""Models that dbt built once are built without dbt in the same situation, and in no other."""

import json

import pytest

from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.transforming import dbt_workbench, recorded_builds
from orchestrator_platform.transforming.dbt_project import load_dbt_project
from orchestrator_platform.transforming.rehearsal import rehearse_once

BIG = "select id, amount from {{ source('raw', 'orders') }} where amount > 10"
SEEN = """
{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='id') }}
select id, amount, amount * 2 as twice from {{ ref('big') }}
{% if is_incremental() %}where id > (select max(id) from {{ this }}){% endif %}
"""
TOP = "select count(*) as n, sum(amount) as amount from {{ ref('seen') }}"
LOOKS = {
    "clock": "select '{{ run_started_at }}' as at, id from {{ ref('big') }}",
    "asks": "{% if execute %}{% set n = run_query('select 1') %}{% endif %}select id from {{ ref('big') }}",
    "told": "select '{{ var('orchestrator_run_time') }}' as at, id from {{ ref('big') }}",
    "environment": "select '{{ env_var('HOME') }}' as home, id from {{ ref('big') }}",
    "hooked": "{{ config(pre_hook='create table if not exists main.log as select 1 as n') }} select 1 as id",
}


@pytest.fixture
def shop(orders):
    orders.write({"models/big.sql": BIG, "models/seen.sql": SEEN, "models/top.sql": TOP})
    return orders


@pytest.fixture
def asked(monkeypatch):
    """The nodes that dbt was asked for."""
    asked = []
    run = dbt_workbench._run

    def ask(call, command, chosen, manifest):
        asked.extend(unique_id.split(".")[-1] for unique_id in chosen)
        return run(call, command, chosen, manifest)

    monkeypatch.setattr(dbt_workbench, "_run", ask)
    return asked


def contents(shop, workbench, built):
    return {name: (node.form, shop.rows(workbench, node.relation)) for name, node in built.items()}


def build(shop, **options):
    workbench = shop.new_workbench()
    built = shop.build(workbench, **options)
    assert {node.status for node in built.values()} == {"success"}, built
    return contents(shop, workbench, built)


def publish(shop):
    workbench = shop.new_workbench()
    shop.publish(workbench, shop.build(workbench))


def test_models_built_once_are_built_the_same_without_dbt_of_the_rows_of_now(shop, asked):
    first = build(shop)
    assert set(asked) == {"big", "seen", "top"}
    asked.clear()
    assert build(shop) == first
    shop.sql("INSERT INTO raw.orders VALUES (3, 30)")
    assert build(shop)["top"] == ("whole", [(2, 50)])
    assert asked == []


def test_a_build_on_a_base_is_another_situation_than_one_without(shop, asked):
    publish(shop)
    asked.clear()
    shop.sql("INSERT INTO raw.orders VALUES (3, 30)")
    first = build(shop)
    assert "seen" in asked
    assert first["seen"][0] == "append"
    asked.clear()
    assert build(shop) == first
    assert asked == []
    # Refreshed in full is another one again.
    assert build(shop, full_refresh=True)["seen"] == ("whole", first["seen"][1])
    assert "seen" in asked


def test_another_column_of_a_parent_or_of_the_base_asks_dbt_again(shop, asked):
    shop.write({"models/star.sql": "select * from {{ source('raw', 'orders') }}"})
    publish(shop)
    build(shop)
    asked.clear()
    shop.sql("ALTER TABLE raw.orders ADD COLUMN note VARCHAR")
    build(shop)
    assert {"big", "star"} <= set(asked)
    asked.clear()
    shop.sql("ALTER TABLE marts.seen ALTER COLUMN twice TYPE VARCHAR")
    shop.build(shop.new_workbench())
    assert asked == ["seen", "top"]


def test_another_variable_and_changed_code_of_the_project_ask_dbt_again(shop, asked):
    build(shop)
    asked.clear()
    build(shop, variables={"a": 1})
    assert set(asked) == {"big", "seen", "top"}
    asked.clear()
    shop.write({"macros/unused.sql": "{% macro unused() %}{% endmacro %}"})
    build(shop)
    assert set(asked) == {"big", "seen", "top"}


def test_a_model_that_sees_more_than_its_parents_is_always_built_by_dbt_and_so_is_what_stands_on_it(shop, asked):
    shop.write({f"models/{name}.sql": text for name, text in LOOKS.items()})
    shop.write({"models/below.sql": "select count(*) as n from {{ ref('clock') }}"})
    build(shop)
    asked.clear()
    build(shop)
    assert set(asked) == {*LOOKS, "below"}


def test_a_macro_that_stands_in_for_one_of_dbts_own_is_looked_at(shop, asked):
    arguments = "temporary, relation, sql, language='sql', partitioned_by=none, sorted_by=none"
    text = f"{{% macro duckdb__create_table_as({arguments}) %}}"
    text += "{# run_started_at #}create table {{ relation }} as ({{ sql }}){% endmacro %}"
    shop.write({"macros/stand_in.sql": text})
    build(shop)
    asked.clear()
    build(shop)
    assert set(asked) == {"big", "seen", "top"}


def test_a_project_with_hooks_is_always_built_by_dbt(shop, asked):
    project = shop.root / "dbt_project.yml"
    project.write_text(
        project.read_text() + '\non-run-start: ["create table if not exists main.log as select 1 as n"]\n'
    )
    build(shop)
    asked.clear()
    build(shop)
    assert set(asked) == {"big", "seen", "top"}


def test_what_breaks_without_dbt_is_told_by_dbt_and_leaves_nothing_half_built(shop, asked):
    odd = "select cast(amount as tinyint) as amount from {{ ref('big') }}"
    shop.write({"models/odd.sql": "{{ config(materialized='table') }} " + odd})
    build(shop)
    shop.sql("INSERT INTO raw.orders VALUES (3, 3000)")
    asked.clear()
    built = shop.build(shop.new_workbench())
    assert asked == ["odd"]
    assert built["odd"].status == "error"
    assert "odd.sql" in built["odd"].message
    assert {built[name].status for name in ("big", "seen", "top")} == {"success"}


def test_a_replay_that_leaves_other_columns_than_dbt_did_counts_for_nothing(shop, asked):
    first = build(shop)
    for file in shop.folder.glob(f"cache/*/{recorded_builds.FILE}"):
        kept = json.loads(file.read_text())
        for item in kept:
            item["statements"] = [sql.replace("amount * 2", "'no'") for sql in item["statements"]]
        file.write_text(json.dumps(kept))
    asked.clear()
    assert build(shop) == first
    assert asked == ["seen", "top"]


@pytest.mark.parametrize("content", [b"", b"[{", b"[1]", b'[{"unique_id": "x"}]', b"\xff"])
def test_a_damaged_record_counts_as_none(tmp_path, content):
    (tmp_path / recorded_builds.FILE).write_bytes(content)
    assert recorded_builds.load_recorded_builds(tmp_path) == {}


def rehearse(shop, columns):
    rehearse_once(shop.load(), {AssetKey("raw.orders"): columns}, {})


def test_a_rehearsed_project_is_built_and_tested_without_dbt(shop, asked):
    shop.write({"models/tests.yml": "models: [{name: seen, columns: [{name: id, data_tests: [unique]}]}]"})
    rehearse(shop, [("id", "INTEGER"), ("amount", "INTEGER")])
    asked.clear()
    assert build(shop)["seen"] == ("whole", [(2, 20, 40)])
    publish(shop)
    shop.sql("INSERT INTO raw.orders VALUES (3, 30)")
    assert build(shop)["seen"] == ("append", [(2, 20, 40), (3, 30, 60)])
    assert {result.status for result in shop.test(shop.new_workbench()).values()} == {"pass"}
    assert asked == []


def test_a_rehearsal_with_other_columns_than_the_real_ones_is_not_used(shop, asked):
    rehearse(shop, [("id", "BIGINT"), ("amount", "INTEGER")])
    asked.clear()
    build(shop)
    assert set(asked) == {"big", "seen", "top"}


def test_a_project_that_cannot_be_rehearsed_is_built_as_ever(shop, asked):
    shop.write({"models/odd.sql": "select nothing from {{ source('raw', 'orders') }}"})
    rehearse(shop, [("id", "INTEGER"), ("amount", "NO_TYPE")])
    rehearse(shop, [("id", "INTEGER"), ("amount", "INTEGER")])
    asked.clear()
    built = shop.build(shop.new_workbench())
    assert {name: node.status for name, node in built.items()} == {
        "big": "success", "seen": "success", "top": "success", "odd": "error"
    }  # fmt: skip


def test_a_project_is_rehearsed_once(shop, asked):
    rehearse(shop, [("id", "INTEGER"), ("amount", "INTEGER")])
    asked.clear()
    rehearse(shop, [("id", "INTEGER"), ("amount", "INTEGER")])
    assert asked == []
    assert load_dbt_project(shop.root, shop.folder / "cache", {}).nodes
