"""A small shop: a source of orders, a dbt model over it, a Python table over that, and the runs of Dagster."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from made_once import MadeOnce
from small_project import AGENT_FILES, DBT_PROJECT, write, write_files

from orchestrator_platform.components.load import load_definitions
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.operations.dev import write_dagster_home
from orchestrator_platform.operations.project_assets import load_gate
from orchestrator_platform.settings import Settings, load_settings

FILES = (
    AGENT_FILES
    | DBT_PROJECT
    | {
        "pyproject.toml": """
[tool.orchestrator]
defs = "shop/defs"
dbt_project = "dbt"
""",
        "shop/__init__.py": "",
        "shop/defs/__init__.py": "",
        "shop/defs/orders/defs.yaml": """
type: orchestrator_platform.components.SourceComponent
attributes:
  name: orders
  asset: raw.orders
  contract: contract.py:Orders
  description: Orders as they came in.
  pattern: ["**/*.csv"]
  format: csv
  max_bad_share: 0.5
  checks:
    - {name: no_refunds, file: no_refunds.sql}
""",
        "shop/defs/orders/no_refunds.sql": "SELECT * FROM raw.orders WHERE amount < 0",
        "shop/defs/orders/contract.py": '''
"""What an order promises."""

import pandera.pandas as pa


class Orders(pa.DataFrameModel):
    order_id: int = pa.Field(ge=1, description="The order's number.")
    customer: str = pa.Field(metadata={"pii": True})
    amount: float

    class Config:
        strict = True
        metadata = {"grain": "none"}
''',
        "shop/defs/tables/defs.yaml": "type: orchestrator_platform.components.DbtTablesComponent\nattributes: {}\n",
        "shop/defs/best/defs.yaml": """
type: orchestrator_platform.components.PythonTableComponent
attributes:
  module: best.py
""",
        "shop/defs/best/best.py": '''
"""The best customers."""

from orchestrator_platform import python_table


@python_table(key="marts.best", parents={"totals": "marts.totals"}, contract="contract.py:Best")
def best(totals):
    """Customers of more than ten."""
    return totals.filter("total > 10").project("customer, total")
''',
        "shop/defs/best/contract.py": '''
"""What a best customer promises."""

import pandera.pandas as pa


class Best(pa.DataFrameModel):
    customer: str
    total: float = pa.Field(gt=10)

    class Config:
        strict = True
        metadata = {"grain": ["customer"], "rows": {"subset_of": "marts.totals"}}
''',
        "dbt/models/sources.yml": """
sources:
  - name: raw
    schema: raw
    tables:
      - name: orders
""",
        "dbt/models/totals.sql": (
            "select customer, sum(amount) as total from {{ source('raw', 'orders') }} group by customer\n"
        ),
        "dbt/models/names.sql": "select distinct customer from {{ source('raw', 'orders') }}\n",
        "dbt/models/models.yml": """
models:
  - name: totals
    description: What each customer spent in all.
    config: {meta: {grain: [customer]}}
    columns:
      - {name: customer, data_type: varchar, data_tests: [not_null]}
      - name: total
        data_type: double
        data_tests:
          - accepted_values: {arguments: {values: [666], quote: false}, config: {severity: warn}}
  - name: names
    description: Who ever bought.
    config: {meta: {grain: [customer]}}
    columns:
      - name: customer
        data_type: varchar
        data_tests: [{accepted_values: {arguments: {values: [ann, bob, cy]}}}]
""",
    }
)


@dataclass(frozen=True)
class Shop:
    """A project, its home, and Dagster's instance in it."""

    settings: Settings
    instance: dg.DagsterInstance

    @property
    def gate(self) -> Gate:
        return load_gate(self.settings)

    def write(self, files: Mapping[str, str]) -> None:
        write_files(self.settings.project.root, files)

    def drop(self, name: str, *rows: str) -> None:
        """Puts a file into landing that was written long ago."""
        text = "\n".join(["order_id,customer,amount", *rows]) + "\n"
        file = write(self.settings.home.landing / "orders" / name, text)
        os.utime(file, (1_700_000_000, 1_700_000_000))

    def run(
        self,
        *assets: str,
        job: str | None = None,
        checks: Sequence[tuple[str, str]] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> "Run":
        defs = load_definitions(self.settings)
        graph_job = defs.resolve_job_def(job) if job else defs.resolve_implicit_global_asset_job_def()
        if checks is not None:
            keys = [dg.AssetCheckKey(_key(asset), name) for asset, name in checks]
            graph_job = graph_job.get_subset(asset_selection=set(), asset_check_selection=set(keys))
        elif assets:
            graph_job = graph_job.get_subset(asset_selection={_key(asset) for asset in assets})
        return Run(graph_job.execute_in_process(instance=self.instance, raise_on_error=False, tags=tags))

    def materializations(self, asset: str) -> list[Any]:
        records = self.instance.fetch_materializations(_key(asset), limit=100, ascending=True).records
        return [record.asset_materialization for record in records]

    def latest_check(self, asset: str, name: str) -> Any:
        key = dg.AssetCheckKey(_key(asset), name)
        (record,) = self.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
        return record


@dataclass(frozen=True)
class Run:
    result: Any

    @property
    def ok(self) -> bool:
        return bool(self.result.success)

    @property
    def materialized(self) -> list[str]:
        events = self.result.get_asset_materialization_events()
        return [".".join(event.asset_key.path) for event in events]

    @property
    def checks(self) -> dict[tuple[str, str], bool]:
        found = self.result.get_asset_check_evaluations()
        return {(".".join(each.asset_key.path), each.check_name): each.passed for each in found}

    @property
    def failure(self) -> str:
        """The text that the run page shows first."""
        for event in self.result.all_events:
            if event.is_step_failure:
                data = event.event_specific_data
                return str(data.user_failure_data.description if data.user_failure_data else data.error.message)
        return ""


def _key(asset: str) -> dg.AssetKey:
    return dg.AssetKey(asset.split("."))


def make_shop(folder: Path) -> None:
    """Nothing is landed yet; dbt has parsed the project, and Dagster has made its instance."""
    write_files(folder / "project", FILES)
    settings = settings_in(folder)
    load_gate(settings)
    dg.DagsterInstance.from_config(str(write_dagster_home(settings))).dispose()


def settings_in(folder: Path) -> Settings:
    return load_settings(home=folder / "home", project=folder / "project", environment={})


@pytest.fixture(scope="session")
def shop_files() -> Callable[[Path, Mapping[str, str]], Path]:
    """Writes the shop's project, with changes."""
    return lambda folder, changes: write_files(folder, {**FILES, **changes})


@pytest.fixture
def shop(made_once: MadeOnce) -> Iterator[Shop]:
    """With an instance in memory, which is quick."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield Shop(settings_in(made_once(make_shop)), instance)


@pytest.fixture(scope="module")
def shared_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shared")
    write_files(folder / "project", FILES)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Shop(settings_in(folder), instance)


@pytest.fixture
def kept_shop(made_once: MadeOnce) -> Iterator[Shop]:
    """With the instance of the home, as the server has it."""
    settings = settings_in(made_once(make_shop))
    with dg.DagsterInstance.from_config(str(write_dagster_home(settings))) as instance:
        yield Shop(settings, instance)
