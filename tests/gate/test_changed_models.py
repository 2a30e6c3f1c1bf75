"""Incremental tables and snapshots whose code, or the code above them, changes between two builds."""

from pathlib import Path

from small_project import DBT_FILES, gate_of, make_project, open_project, write, write_orders

from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land

MODELS = DBT_FILES["dbt/models/models.yml"].rstrip() + "".join(
    f"""
          - name: {name}
            config: {{meta: {{grain: [order_id]}}}}
            columns: [{{name: order_id}}]"""
    for name in ("far", "near", "kept")
)
KEPT = """
    {{ config(materialized='incremental', unique_key='order_id') }}
    select * from {{ ref('near') }}
    {% if is_incremental() %} where order_id > (select max(order_id) from {{ this }}) {% endif %}
"""
HISTORY = """
    snapshots:
      - name: history
        relation: ref('statuses')
        config: {schema: marts, unique_key: status, strategy: check, check_cols: all, meta: {grain: none}}
"""


def land_order(project: Path, number: int) -> None:
    land(gate_of(project), "orders", [write_orders(project, f"{number}.csv", (number, "ada", 10, "open"))])


def read(project: Path, sql: str) -> list[tuple[object, ...]]:
    return open_project(project).query(sql).fetchall()


def test_an_incremental_table_is_built_in_full_when_code_far_above_it_changed(tmp_path: Path) -> None:
    far = "select order_id, amount * {factor} as amount from {{{{ source('raw', 'orders') }}}}"
    models = {"far": far.format(factor=1), "near": "select * from {{ ref('far') }}", "kept": KEPT}
    changes = {f"dbt/models/{name}.sql": sql for name, sql in models.items()} | {"dbt/models/models.yml": MODELS}
    project = make_project(tmp_path, dbt=True, changes=changes)
    land_order(project, 1)
    build(gate_of(project))
    write(project / "dbt/models/far.sql", far.format(factor=2))
    land_order(project, 2)
    for name in ("far", "near", "kept"):
        build(gate_of(project), [f"marts.{name}"])
    assert read(project, "SELECT order_id, amount FROM marts.kept ORDER BY 1") == [(1, 20.0), (2, 20.0)]


def test_a_snapshot_keeps_its_history_when_the_code_above_it_changed(tmp_path: Path) -> None:
    project = make_project(tmp_path, dbt=True, changes={"dbt/snapshots/history.yml": HISTORY})
    for number in (1, 2):
        land_order(project, number)
        build(gate_of(project), ["marts.statuses", "marts.history"])
    model = project / "dbt/models/statuses.sql"
    write(model, model.read_text() + "-- the same in other words\n")
    land_order(project, 3)
    build(gate_of(project), ["marts.statuses", "marts.history"])
    seen = read(project, "SELECT n_orders, dbt_valid_to IS NULL FROM marts.history ORDER BY 1")
    assert seen == [(1, False), (2, False), (3, True)]
