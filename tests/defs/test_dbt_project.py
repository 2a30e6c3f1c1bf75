"""The dbt project is parsed without a warning, and its YAML says what its tables are."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

DBT_PROJECT = Path(__file__).parents[2] / "dbt_project"
RELATIONS = {"same_as", "subset_of", "at_most_one_per"}
# What a model may not hold: it would reach past the workbench, or cannot be kept in the lake.
FORBIDDEN = re.compile(
    r"\b(attach|copy|set|pragma|install|load|read_\w+|glob|query|hugeint|enum|union_value)\s*\(?", re.IGNORECASE
)


def _declared() -> dict[str, dict[str, Any]]:
    files = sorted((DBT_PROJECT / "models").glob("*/*.yml"))
    return {
        f"{file.parent.name}.{model['name']}": model
        for file in files
        for model in yaml.safe_load(file.read_text(encoding="utf-8"))["models"]
    }


@pytest.fixture(scope="module")
def described(new_scratch: Any) -> dict[str, dict[str, str]]:
    scratch = new_scratch()
    scratch.build()
    columns = "table_schema || '.' || table_name, column_name, data_type"
    rows = scratch.rows(f"select {columns} from information_schema.columns where table_schema in ('staging', 'marts')")
    tables: dict[str, dict[str, str]] = {}
    for table, column, data_type in rows:
        tables.setdefault(table, {})[column] = data_type
    return tables


def test_dbt_parses_the_project_without_a_warning(scratch: Any) -> None:
    result = scratch.invoke(scratch.folder, ["parse", "--warn-error", "--no-partial-parse"], fresh=True)
    assert result.success, result.exception


def test_every_table_is_declared_with_its_columns_and_their_types(described: dict[str, dict[str, str]]) -> None:
    declared = {
        table: {column["name"]: column["data_type"] for column in model["columns"]}
        for table, model in _declared().items()
    }
    assert declared == described


def test_tables_on_an_empty_log_are_empty_and_well_formed(scratch: Any) -> None:
    scratch.build(command="build")
    assert scratch.rows("select count(*) from marts.triage") == [(0,)]


def test_every_table_and_column_is_described_and_has_a_grain() -> None:
    for table, model in _declared().items():
        meta = model["config"]["meta"]
        names = {column["name"] for column in model["columns"]}
        assert model["description"].strip(), table
        assert all(column.get("description", "").strip() for column in model["columns"]), table
        assert meta["grain"], table
        assert set(meta["grain"]) <= names, table
        assert len(meta.get("rows", {})) <= 1, table
        assert set(meta.get("rows", {})) <= RELATIONS, table


def test_no_model_reaches_past_the_workbench_or_uses_a_type_the_lake_lacks() -> None:
    for file in [*DBT_PROJECT.glob("models/**/*.sql"), *DBT_PROJECT.glob("macros/*.sql")]:
        code = re.sub(r"\{#.*?#\}|--[^\n]*|\{%-? set|'[^']*'", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not FORBIDDEN.search(code), (file.name, FORBIDDEN.search(code))


def test_a_plain_build_writes_to_a_scratch_file_under_target() -> None:
    profile = yaml.safe_load((DBT_PROJECT / "profiles.yml").read_text(encoding="utf-8"))["orchestrator"]
    assert profile["target"] == "dev"
    assert profile["outputs"]["dev"]["path"] == "{{ env_var('DBT_TARGET_PATH', 'target') }}/dev.duckdb"
