"""Definitions load from any project, by Dagster's loader and by the platform's own, and say what is wrong."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from orchestrator_platform.audits.drift import CHECKS as DRIFT_CHECKS
from orchestrator_platform.components.load import load_definitions
from orchestrator_platform.errors import AgentFileError, DefinitionError
from orchestrator_platform.operations.project_assets import load_gate
from orchestrator_platform.projections.dagster_quarantine import QUARANTINE
from orchestrator_platform.settings import load_project, load_settings

ROOT = Path(__file__).resolve().parents[2]
DG_PROJECT = """
[tool.orchestrator]
defs = "shop/defs"
dbt_project = "dbt"

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "shop"
defs_module = "shop.defs"
code_location_target_module = "orchestrator_platform.definitions"
"""
# Its loader, and what that imports, call what is deprecated.
DAGSTERS_OWN = pytest.mark.filterwarnings("ignore::DeprecationWarning")
AT_IMPORT = """
import json, os, sys, threading
import duckdb
opened, really_connect = [], duckdb.connect
def connect(*a, **k):
    opened.append(really_connect(*a, **k))
    return opened[-1]
def is_open(connection):
    try:
        return connection.execute("SELECT 1") is not None
    except duckdb.ConnectionException:
        return False
duckdb.connect = connect
from orchestrator_platform.definitions import defs
loaded = defs()
keys = sorted(".".join(spec.key.path) for spec in loaded.resolve_all_asset_specs())
left = sum(map(is_open, opened))
print(json.dumps({"assets": keys, "threads": threading.active_count(), "connections": left}))
"""


@DAGSTERS_OWN
def test_dagsters_loader_and_the_platforms_give_the_same_assets(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {spec.key for spec in load_definitions(shop.settings).resolve_all_asset_specs()}
    shop.write({"pyproject.toml": DG_PROJECT})
    monkeypatch.syspath_prepend(str(shop.settings.project.root))
    try:
        by_dagster = load_definitions(shop.settings)
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "shop"]:
            del sys.modules[name]
    assert {spec.key for spec in by_dagster.resolve_all_asset_specs()} == own
    assert own == {QUARANTINE, *(dg.AssetKey(key.split(".")) for key in shop.gate.assets)}


def test_an_asset_shows_who_makes_and_judges_it_and_where_it_is_defined(shop: Any) -> None:
    specs = {".".join(spec.key.path): spec for spec in load_definitions(shop.settings).resolve_all_asset_specs()}
    orders, totals = specs["raw.orders"], specs["marts.totals"]
    assert {orders.tags["producer"], orders.tags["auditor"]} == {"maker", "judge"}
    assert orders.kinds == {"ducklake", "csv"}
    assert totals.kinds == {"ducklake", "dbt", "table"}
    assert totals.description.splitlines()[0] == "What each customer spent in all."
    assert totals.metadata["grain"] == "customer"
    places = [place.file_path for place in totals.metadata["dagster/code_references"].code_references]
    assert [Path(place).name for place in places] == ["totals.sql", "models.yml"]
    told = [specs[asset].metadata["dagster/code_references"] for asset in ("raw.orders", "marts.totals", "marts.best")]
    every = [place for each in told for place in each.code_references]
    assert [place.file_path for place in every if not Path(place.file_path).is_file()] == []
    columns = {column.name: column for column in orders.metadata["dagster/column_schema"].columns}
    assert columns["order_id"].constraints.nullable is False
    assert "pii" in columns["customer"].tags
    assert specs["marts.best"].deps


def test_what_stands_between_dbt_tables_is_built_in_their_step(kept_shop: Any) -> None:
    shop = kept_shop
    alone = {definition.op.name for definition in _steps(shop)}
    assert alone == {"land_orders", "build_dbt_tables", "build_best_best"}
    sources = "  - {name: marts, schema: marts, tables: [{name: best}]}\n"
    models = shop.settings.project.root / "dbt/models/models.yml"
    after = "  - name: after\n    description: Above the best.\n    config: {meta: {grain: [customer]}}\n"
    shop.write(
        {
            "dbt/models/sources.yml": (models.parent / "sources.yml").read_text() + sources,
            "dbt/models/after.sql": "select customer from {{ source('marts', 'best') }}\n",
            "dbt/models/models.yml": models.read_text()
            + after
            + "    columns:\n      - {name: customer, data_type: varchar}\n",
        }
    )
    assert {definition.op.name for definition in _steps(shop)} == {"land_orders", "build_dbt_tables"}
    shop.drop("monday.csv", "1,ann,4.5", "2,bob,20")
    run = shop.run()
    assert run.ok, run.failure
    assert {"marts.totals", "marts.best", "marts.after"} <= set(run.materialized)
    heads = shop.gate.cut().heads
    at = {heads[asset].published_at for asset in ("marts.totals", "marts.best", "marts.after")}
    assert len(at) == 1, "they were published together"


def _steps(shop: Any) -> list[dg.AssetsDefinition]:
    graph = load_definitions(shop.settings).resolve_asset_graph()
    return [definition for definition in graph.assets_defs if definition.is_executable]


def test_a_model_is_listed_by_the_conventions_of_dagster_dbt(shop: Any) -> None:
    models = shop.settings.project.root / "dbt/models/models.yml"
    said = "config: {meta: {grain: [customer]}}"
    more = "config: {tags: [money], meta: {grain: [customer], dagster: {owners: [ann@example.com], group: money}}}"
    shop.write({"dbt/models/models.yml": models.read_text(encoding="utf-8").replace(said, more, 1)})
    defs = load_definitions(shop.settings)
    specs = {".".join(spec.key.path): spec for spec in defs.resolve_all_asset_specs()}
    assert list(specs["marts.totals"].owners) == ["ann@example.com", "team:maker", "team:judge"]
    assert (specs["marts.totals"].group_name, specs["marts.names"].group_name) == ("money", "marts")
    assert specs["marts.totals"].tags["money"] == ""
    assert "sum(amount) as total" in specs["marts.totals"].description
    assert specs["marts.totals"].metadata["dagster/table_name"] == "lake.marts.totals"

    tagged = dg.AssetSelection.from_string("tag:money").resolve(defs.resolve_asset_graph())
    assert tagged == {dg.AssetKey(["marts", "totals"])}


def test_every_audit_is_a_check_and_what_only_remarks_does_not_block(shop: Any) -> None:
    defs = load_definitions(shop.settings)
    checks = {key: defs.resolve_asset_graph().get(key) for key in defs.resolve_asset_graph().asset_check_keys}
    for asset in shop.gate.assets:
        names = {key.name for key in checks if ".".join(key.asset_key.path) == asset}
        assert names == {*shop.gate.audit_plan(asset).checks, "served"}
    remarks = {key.name for key, check in checks.items() if not check.blocking}
    assert remarks == {"columns_in_every_file", *DRIFT_CHECKS}


def test_a_check_may_not_take_the_name_that_the_platform_uses(shop: Any) -> None:
    file = shop.settings.project.root / "shop/defs/orders/defs.yaml"
    shop.write({"shop/defs/orders/defs.yaml": file.read_text().replace("name: no_refunds", "name: served")})
    with pytest.raises(DefinitionError, match="'served'"):
        load_definitions(shop.settings)


@DAGSTERS_OWN
def test_a_component_that_dagster_passes_over_is_an_error(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    best = shop.settings.project.root / "shop/defs/best"
    best.rename(shop.settings.project.root / "shop/defs/orders/best")
    shop.write({"pyproject.toml": DG_PROJECT})
    monkeypatch.syspath_prepend(str(shop.settings.project.root))
    try:
        with pytest.raises(DefinitionError, match=r"marts\.best is declared here"):
            load_definitions(shop.settings)
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "shop"]:
            del sys.modules[name]


def test_an_asset_without_an_auditor_does_not_load(shop: Any) -> None:
    (shop.settings.project.root / "agents/judge.md").unlink()
    with pytest.raises(AgentFileError, match="audits"):
        load_definitions(shop.settings)


@pytest.mark.parametrize("folder", ["absent", "empty"])
def test_a_project_without_definitions_is_an_empty_working_platform(tmp_path: Path, folder: str) -> None:
    project = tmp_path / "copy"
    project.mkdir()
    for name in ("pyproject.toml", "agents", "dbt_project"):
        source = ROOT / name
        shutil.copytree(source, project / name) if source.is_dir() else shutil.copy(source, project / name)
    if folder == "empty":
        (project / "orchestrator_platform/defs").mkdir(parents=True)
        text = (project / "pyproject.toml").read_text(encoding="utf-8")
        # Without the package beside it, the copy is no project of `dg`.
        (project / "pyproject.toml").write_text(text.replace("[tool.dg.project]", "[tool.nothing]"), encoding="utf-8")
    settings = load_settings(home=tmp_path / "home", project=project, environment={})
    defs = load_definitions(settings)
    assert list(defs.resolve_all_asset_specs()) == []
    job = defs.resolve_job_def("sync_versions")
    with dg.DagsterInstance.ephemeral() as instance:
        assert job.execute_in_process(instance=instance).success


def test_loading_leaves_no_connection_and_no_thread_and_finds_the_shipped_assets(tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", AT_IMPORT],
        env={**os.environ, "ORCHESTRATOR_HOME": str(tmp_path), "ORCHESTRATOR_PROJECT": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = json.loads(found.stdout.splitlines()[-1])
    gate = load_gate(load_settings(home=tmp_path, project=load_project(ROOT).root, environment={}))
    assert loaded == {"assets": sorted([*gate.assets, "quarantine"]), "threads": 1, "connections": 0}


@pytest.mark.slow
def test_dg_checks_the_shipped_definitions(tmp_path: Path) -> None:
    checked = subprocess.run(
        [Path(sys.executable).with_name("dg"), "check", "defs"],
        cwd=ROOT,
        env={**os.environ, "ORCHESTRATOR_HOME": str(tmp_path), "DAGSTER_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@DAGSTERS_OWN
def test_a_step_for_which_others_wait_is_taken_before_one_for_which_none_waits(shop: Any) -> None:
    made = load_definitions(shop.settings).get_repository_def().assets_defs_by_key
    steps = [made[dg.AssetKey(asset.split("."))].op for asset in ("raw.orders", "marts.totals", "marts.best")]
    assert [step.tags["dagster/priority"] for step in steps] == ["3", "1", "0"]
