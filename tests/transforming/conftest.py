"""Small dbt projects over a plain DuckDB file that stands for the lake."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.transforming.dbt_project import DbtProject, load_dbt_project
from orchestrator_platform.transforming.dbt_workbench import BuiltNode, build_dbt_nodes, run_dbt_tests
from orchestrator_platform.transforming.recorded_tests import DbtTestResult
from orchestrator_platform.transforming.workbench import close_columns_sql, connect_workbench

PROJECT = """
name: shop
version: '1.0.0'
config-version: 2
profile: shop
models:
  +schema: marts
seeds:
  +schema: raw
snapshots:
  +schema: marts
"""
SCHEMA_NAME = """
{% macro generate_schema_name(custom_schema_name, node) -%}{{ custom_schema_name or target.schema }}{%- endmacro %}
"""
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Shop:
    """A project folder, a lake file, and the calls a gate would make."""

    root: Path
    folder: Path

    @property
    def lake(self) -> Path:
        return self.folder / "lake_file.duckdb"

    @property
    def setup(self) -> list[str]:
        return [f"ATTACH '{self.lake}' AS lake (READ_ONLY)"]

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            file = self.root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.lake)) as lake:
            for statement in statements:
                cursor = lake.execute(statement)
            return cursor.fetchall()

    def load(self, variables: Mapping[str, Any] | None = None) -> DbtProject:
        return load_dbt_project(self.root, self.folder / "cache", variables or {})

    @property
    def published(self) -> dict[AssetKey, str]:
        rows = self.sql("SELECT table_schema, table_name FROM information_schema.tables")
        return {AssetKey(f"{s}.{t}"): f'lake."{s}"."{t}"' for s, t in rows}

    def new_workbench(self) -> Path:
        return self.folder / f"bench-{len(list(self.folder.glob('bench-*')))}" / "workbench.duckdb"

    def build(
        self, workbench: Path, selected: Sequence[str] | None = None, run_time: datetime = NOON, **options: Any
    ) -> dict[str, BuiltNode]:
        project = self.load(options.get("variables"))
        chosen = [n.unique_id for n in project.nodes if selected is None or n.key.name in selected]
        built = build_dbt_nodes(
            project,
            chosen,
            workbench,
            setup=self.setup,
            published=options.pop("published", self.published),
            variables=options.pop("variables", {}),
            run_time=run_time,
            **options,
        )
        return {node.key.name: node for node in built}

    def test(self, workbench: Path, relations: Mapping[AssetKey, str] | None = None) -> dict[str, DbtTestResult]:
        project = self.load()
        names = {test.unique_id: test.name for test in project.tests}
        results = run_dbt_tests(
            project,
            list(names),
            workbench,
            setup=self.setup,
            relations=self.published if relations is None else relations,
            variables={},
        )
        return {names[result.unique_id]: result for result in results}

    def publish(self, workbench: Path, built: Mapping[str, BuiltNode]) -> None:
        """What a gate does with a build: by the delta where there is one."""
        setup = [f"ATTACH '{self.lake}' AS lake"]
        with connect_workbench(workbench, setup) as connection:
            for node in built.values():
                assert node.status == "success", node.message
                target = f"lake.{node.key.quoted}"
                connection.execute(f'CREATE SCHEMA IF NOT EXISTS lake."{node.key.schema}"')
                if node.form == "whole":
                    described = connection.execute(f"DESCRIBE FROM {node.relation}").fetchall()
                    columns = close_columns_sql(node.key, described)
                    connection.execute(f"CREATE TABLE lake.main.swap AS SELECT {columns} FROM {node.relation}")
                    connection.execute(f"CREATE OR REPLACE TABLE {target} AS FROM lake.main.swap")
                    connection.execute("DROP TABLE lake.main.swap")
                    continue
                if node.gone:
                    on = " AND ".join(f't."{k}" = g."{k}"' for k in node.key_columns)
                    connection.execute(f"DELETE FROM {target} t USING {node.gone} g WHERE {on}")
                connection.execute(f"INSERT INTO {target} BY NAME FROM {node.part}")

    def rows(self, workbench: Path, relation: str) -> list[tuple[Any, ...]]:
        with connect_workbench(workbench, self.setup) as connection:
            return sorted(connection.execute(f"FROM {relation}").fetchall(), key=repr)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path / "project", tmp_path)
    shop.write({"dbt_project.yml": PROJECT, "macros/schema.sql": SCHEMA_NAME})
    shop.sql("CREATE SCHEMA raw")
    return shop


ORDERS = "CREATE TABLE raw.orders AS SELECT * FROM (VALUES (1, 10), (2, 20)) t(id, amount)"
SOURCES = """
sources:
  - name: raw
    schema: raw
    tables: [{name: orders}]
"""


@pytest.fixture
def orders(shop: Shop) -> Shop:
    shop.sql(ORDERS)
    shop.write({"models/sources.yml": SOURCES})
    return shop
