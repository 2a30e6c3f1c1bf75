"""A dbt project read into values, and refused where the workbench could not keep its promise."""

import subprocess
import sys

import pytest

from orchestrator_platform.errors import DbtFailed, DefinitionError
from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.transforming.dbt_manifest import parse_manifest
from orchestrator_platform.transforming.dbt_project import load_dbt_project
from orchestrator_platform.transforming.dbt_refusals import refuse_unsupported

FILES = {
    "models/sources.yml": """
sources:
  - {name: raw, schema: raw, tables: [{name: orders, columns: [{name: id, data_tests: [unique]}]}]}
""",
    "models/inline.sql": "{{ config(materialized='ephemeral') }} select * from {{ source('raw', 'orders') }}",
    "models/base.sql": "{{ config(materialized='table') }} select *, {{ twice('id') }} as d from {{ ref('inline') }}",
    "models/top.sql": "{{ config(materialized='incremental', unique_key=['id']) }} select * from {{ ref('base') }}"
    " where id > {{ var('floor', 0) }} -- {{ env_var('SHOP_REGION', 'none') }}",
    "models/tests.yml": "models: [{name: top, description: The top, columns: [{name: id, data_tests:"
    " [{relationships: {arguments: {to: ref('base'), field: id}}, }]}]}]",
    "tests/free.sql": "{{ config(severity='warn') }} select * from {{ ref('base') }} join {{ ref('top') }} using (id)",
    "macros/twice.sql": "{% macro twice(x) %}{{ x }} * 2{% endmacro %}",
}


def _versions(project):
    return {node.key.name: node.code_version for node in project.nodes}


def test_nodes_have_keys_parents_tests_and_code_versions(shop, monkeypatch):
    shop.write(FILES)
    project = shop.load()
    top, base = project.node("model.shop.top"), project.node("model.shop.base")
    assert [node.key for node in project.nodes] == ["marts.base", "marts.top"]
    assert base.parents == (AssetKey("raw.orders"),)
    assert (top.parents, top.unique_key, top.description) == ((AssetKey("marts.base"),), ("id",), "The top")
    assert (top.path, top.materialized, top.raw["name"]) == ("models/top.sql", "incremental", "top")
    assert {test.name.split("_")[0]: test.severity for test in top.tests} == {"free": "warn", "relationships": "error"}
    assert all(test.assets == ("marts.base", "marts.top") for test in top.tests)
    assert [(test.attached, test.assets) for test in project.tests if test.attached == "raw.orders"] == [
        ("raw.orders", ("raw.orders",))
    ]

    first = _versions(project)
    assert _versions(shop.load({"floor": 3})) == {**first, "top": _versions(shop.load({"floor": 3}))["top"]} != first
    assert _versions(shop.load({"other": 3})) == first
    shop.write(
        {"macros/twice.sql": FILES["macros/twice.sql"].replace("2", "3"), "models/new.md": "{% docs a %}{% enddocs %}"}
    )
    second = _versions(shop.load())
    assert (second["base"] != first["base"], second["top"]) == (True, first["top"])
    shop.write({"models/inline.sql": FILES["models/inline.sql"] + " where id > 0"})
    third = _versions(shop.load())
    assert (third["base"] != second["base"], third["top"]) == (True, first["top"])
    before = set((shop.folder / "cache").rglob("manifest.msgpack"))
    monkeypatch.setenv("SHOP_REGION", "north")
    assert "north" in shop.load().manifest.read_bytes().decode("utf-8", "replace")
    assert set((shop.folder / "cache").rglob("manifest.msgpack")) == before


def test_an_unchanged_project_is_read_without_importing_dbt(shop):
    shop.write(FILES)
    project = shop.load()
    code = f"""
import sys, pathlib
from orchestrator_platform.transforming.dbt_manifest import parse_manifest
from orchestrator_platform.transforming.dbt_project import load_dbt_project
from orchestrator_platform.transforming.dbt_refusals import refuse_unsupported
project = load_dbt_project(pathlib.Path({str(shop.root)!r}), pathlib.Path({str(shop.folder / "cache")!r}), {{}})
assert not [name for name in sys.modules if name == "dbt" or name.startswith("dbt.")], "dbt was imported"
print(len(project.nodes))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == (str(len(project.nodes)), "")
    assert load_dbt_project(shop.root, shop.folder / "cache", {}) == project


def test_without_a_project_there_are_no_nodes(tmp_path, shop):
    assert load_dbt_project(tmp_path / "nothing", tmp_path / "cache", {}).nodes == ()
    assert shop.load().nodes == ()


INCREMENTAL = "{{ config(materialized='incremental', unique_key='id', %s) }} select 1 as id"
REFUSED = {
    "merge_clauses={'when_not_matched': [{'by': 'source', 'action': 'delete'}]}": "BY SOURCE",
    "incremental_strategy='insert_overwrite'": "insert_overwrite",
    "indexes=[{'columns': ['id']}]": "indexes",
    "grants={'select': ['x']}": "grants",
    "post_hook='delete from {{ this }} where id = 1'": "writes to `this`",
    "pre_hook='update {{ this }} set id = 2'": "writes to `this`",
    "merge_on_using_columns=['id']": "merge_on_using_columns",
}
STRICT = """
models:
  - {name: it_strict, columns: [{name: id, data_type: int, constraints: [{type: not_null}]}]}
"""


def test_what_the_workbench_cannot_do_is_refused_with_the_file(shop, tmp_path):
    shop.write({f"models/it_{i}.sql": INCREMENTAL % config for i, config in enumerate(REFUSED)})
    shop.write({"models/it_py.py": "def model(dbt, session):\n    return session.sql('select 1')\n"})
    shop.write({"models/it_external.sql": "{{ config(materialized='external') }} select 1 as id"})
    shop.write({"models/it_strict.sql": INCREMENTAL % "contract={'enforced': true}, on_schema_change='fail'"})
    shop.write({"models/it_strict.yml": STRICT})
    manifest, _ = parse_manifest(shop.root, tmp_path / "scratch", {})
    messages = {f"it_{i}": message for i, message in enumerate(REFUSED.values())}
    messages |= {"it_py": "@python_table", "it_external": "external", "it_strict": "enforced constraints"}
    for name, message in messages.items():
        node = manifest.nodes[f"model.shop.{name}"]
        with pytest.raises(DefinitionError, match=message):
            refuse_unsupported(shop.root / node.original_file_path, node)


def test_a_name_that_is_no_asset_key_is_refused_with_the_file(shop):
    for config, message in {"schema='Marts'": "not an asset key", "database='lake'": "names the database"}.items():
        shop.write({"models/it.sql": INCREMENTAL % config})
        with pytest.raises(DefinitionError, match=message) as refused:
            shop.load()
        assert refused.value.file.endswith("models/it.sql"), config


def test_a_file_that_dbt_cannot_parse_is_named(shop):
    shop.write({"models/it.sql": "select {{ nothing( }}"})
    with pytest.raises(DbtFailed, match=r"models/it\.sql"):
        shop.load()
    shop.write({"models/it.sql": "select * from {{ ref('missing') }}"})
    with pytest.raises(DbtFailed, match="missing"):
        shop.load()


def test_a_test_that_reads_no_table_is_refused(shop):
    shop.write({"tests/it.sql": "select 1 where false"})
    with pytest.raises(DefinitionError, match="reads no table"):
        shop.load()


def test_two_nodes_of_one_name_are_refused(shop):
    shop.write(
        {
            "models/a.sql": "{{ config(alias='t') }} select 1 as x",
            "models/b.sql": "{{ config(alias='t') }} select 2 as x",
        }
    )
    with pytest.raises((DbtFailed, DefinitionError), match="t"):
        shop.load()


NOTHING = "select 1 as x where false"
TURNS_TESTS_OFF = {
    "a_test": f"{{% macro default__test_relationships(model, column_name, to, field) %}}{NOTHING}{{% endmacro %}}",
    "every_test": "{% macro get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) %}"
    "select 0 as failures, false as should_warn, false as should_error{% endmacro %}",
    "the_rows": "{% macro default__get_where_subquery(relation) %}"
    "{% do return('(select * from ' ~ relation ~ ' where false)') %}{% endmacro %}",
    "the_run": "{% materialization test, adapter='duckdb' %}{{ return({'relations': []}) }}{% endmaterialization %}",
    "the_table": "{% macro ref(name) %}{% do return(builtins.ref(name)) %}{% endmacro %}",
}


@pytest.mark.parametrize("name", TURNS_TESTS_OFF)
def test_a_macro_in_the_place_of_one_of_dbts_makes_every_test_another(shop, name):
    shop.write(FILES)
    before = {test.unique_id: test.code_version for test in shop.load().tests}
    shop.write({f"macros/{name}.sql": TURNS_TESTS_OFF[name]})
    with_macro = {test.unique_id: test.code_version for test in shop.load().tests}
    assert with_macro.keys() == before.keys()
    assert all(with_macro[test] != version for test, version in before.items())


def test_a_macro_that_no_test_is_run_through_makes_no_test_another(shop):
    shop.write(FILES)
    before = {test.unique_id: test.code_version for test in shop.load().tests}
    shop.write(
        {
            "macros/schema.sql": "{% macro generate_schema_name(custom_schema_name, node) %}"
            "{{ custom_schema_name if custom_schema_name else target.schema }}{% endmacro %}",
            "macros/own.sql": "{% materialization own, default %}{{ return({}) }}{% endmaterialization %}",
            "macros/other.sql": "{% macro other() %}1{% endmacro %}",
        }
    )
    assert {test.unique_id: test.code_version for test in shop.load().tests} == before
