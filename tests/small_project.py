"""A whole small project on disk, for tests that go through the gate: orders, and tables made of them.

`raw.orders` is read from CSV, `marts.totals` (one row per customer) and `marts.ranking` (made of totals)
are Python functions, `marts.statuses` is a dbt model where dbt is asked for.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from orchestrator_platform.gate.context import Gate
from orchestrator_platform.operations.platform import Platform

AGENT_FILES = {
    "agents/maker.md": """
        ---
        name: maker
        description: Makes everything.
        produces: ['*']
        audits: []
        may: [land, build, publish, replay, rollback]
        escalates: []
        never: [approve]
        invocation: automatic
        context_budget: 1000
        ---
        Make it.
    """,
    "agents/judge.md": """
        ---
        name: judge
        description: Judges everything.
        produces: []
        audits: ['*']
        may: [audit, quarantine, discard]
        escalates: []
        never: [approve, publish]
        invocation: automatic
        context_budget: 1000
        ---
        Judge it.
    """,
    "agents/orchestrator.md": """
        ---
        name: orchestrator
        description: Plans.
        produces: []
        audits: []
        may: [plan, delegate]
        escalates: []
        never: [approve]
        invocation: automatic
        context_budget: 1000
        ---
        Plan it.
    """,
}

FILES = AGENT_FILES | {
    "pyproject.toml": """
        [tool.orchestrator]
        defs = "defs"
        dbt_project = "dbt"
        agents = "agents"
    """,
    "defs/orders/defs.yaml": """
        type: orchestrator_platform.components.SourceComponent
        attributes:
          name: orders
          asset: raw.orders
          contract: contract.py:Orders
          pattern: ["**/*.csv"]
          max_bad_share: 0.5
    """,
    "defs/orders/contract.py": """
        import pandera.pandas as pa


        class Orders(pa.DataFrameModel):
            order_id: int
            customer: str = pa.Field(metadata={"pii": True})
            amount: float = pa.Field(ge=0)
            status: str = pa.Field(isin=["open", "paid"])

            class Config:
                strict = True
                metadata = {"grain": "none"}
    """,
    "defs/marts/defs.yaml": """
        type: orchestrator_platform.components.PythonTableComponent
        attributes:
          module: tables.py
    """,
    "defs/marts/contract.py": """
        import pandera.pandas as pa


        class Totals(pa.DataFrameModel):
            customer: str
            total: float = pa.Field(lt=1000)

            class Config:
                strict = True
                metadata = {"grain": ["customer"]}


        class Ranking(pa.DataFrameModel):
            customer: str
            place: int = pa.Field(ge=1)

            class Config:
                strict = True
                metadata = {"grain": ["customer"], "rows": {"same_as": "marts.totals"}}
    """,
    "defs/marts/tables.py": """
        import duckdb

        from orchestrator_platform import python_table


        @python_table(key="marts.totals", parents={"orders": "raw.orders"}, contract="contract.py:Totals")
        def totals(orders: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
            return orders.aggregate("customer, sum(amount) AS total")


        @python_table(key="marts.ranking", parents={"totals": "marts.totals"}, contract="contract.py:Ranking")
        def ranking(totals: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
            return totals.project("customer, row_number() OVER (ORDER BY total DESC, customer) AS place")
    """,
}

DBT_PROJECT = {
    "dbt/dbt_project.yml": """
        name: small
        version: "1.0.0"
        config-version: 2
        profile: small
        flags: {send_anonymous_usage_stats: false}
        models:
          small:
            +schema: marts
            +materialized: table
    """,
    "dbt/profiles.yml": """
        small:
          target: dev
          outputs:
            dev: {type: duckdb, path: target/scratch.duckdb}
    """,
    "dbt/macros/schema.sql": """
        {% macro generate_schema_name(custom_schema_name, node) %}{{ custom_schema_name or 'marts' }}{% endmacro %}
    """,
}

DBT_FILES = DBT_PROJECT | {
    "defs/dbt/defs.yaml": """
        type: orchestrator_platform.components.DbtTablesComponent
        attributes: {}
    """,
    "dbt/models/models.yml": """
        version: 2
        sources:
          - name: raw
            schema: raw
            tables: [{name: orders}]
        models:
          - name: statuses
            description: How many orders have each status.
            config: {meta: {grain: [status]}}
            columns:
              - {name: status, data_type: VARCHAR, data_tests: [unique, not_null]}
              - {name: n_orders, data_type: BIGINT}
    """,
    "dbt/models/statuses.sql": """
        select status, count(*) as n_orders from {{ source('raw', 'orders') }} group by status
    """,
}


def make_project(folder: Path, *, dbt: bool = False, changes: Mapping[str, str] | None = None) -> Path:
    """Writes the project and returns its folder; `changes` replace or add files."""
    return write_files(folder, {**FILES, **(DBT_FILES if dbt else {}), **(changes or {})})


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    """Writes texts, without their common indentation, and returns the folder."""
    for name, text in files.items():
        write(folder / name, dedent(text).lstrip("\n"))
    return folder


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def open_project(folder: Path, home: Path | None = None) -> Platform:
    """Opens the project anew, as a new process would; its home is beside it."""
    return Platform.open(home or folder / "home", folder)


def gate_of(folder: Path) -> Gate:
    return open_project(folder).gate


def orders_csv(*rows: tuple[object, ...]) -> str:
    return "order_id,customer,amount,status\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)


def write_orders(folder: Path, name: str, *rows: tuple[object, ...]) -> Path:
    """Writes a file of orders outside of landing, to be landed; it has not been written to for an hour."""
    file = write(folder / "incoming" / name, orders_csv(*rows))
    hour_ago = time.time() - 3600
    os.utime(file, (hour_ago, hour_ago))
    return file
