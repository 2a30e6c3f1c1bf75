"""A project as a branch finds it: orders that serve, and tables that dbt makes of them, one on top of the other.

`marts.cleaned` has an order's row, `marts.buyers` a customer's, `marts.spend` joins both, `marts.by_buyer` sums up.
"""

from collections.abc import Mapping
from pathlib import Path

from small_project import DBT_PROJECT, gate_of, make_project, write, write_orders

from orchestrator_platform.authority.permissions import person
from orchestrator_platform.learning.embedders import Embedders
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.ci import CiOptions, run_ci
from orchestrator_platform.operations.land import land
from orchestrator_platform.records.checked import Case, CaseState
from orchestrator_platform.records.ci import AssetReport, CiReport
from orchestrator_platform.settings import Home, Settings, load_settings

N_ORDERS, N_BUYERS = 200, 20
ADA = person("ada")

MODELS = """
    version: 2
    sources:
      - name: raw
        schema: raw
        tables: [{name: orders}]
    models:
      - name: cleaned
        config: {meta: {grain: [order_id]}}
        columns:
          - {name: order_id, data_type: BIGINT}
          - {name: customer, data_type: VARCHAR, config: {meta: {pii: true}}}
          - {name: amount, data_type: DOUBLE}
      - name: buyers
        config: {meta: {grain: [customer]}}
        columns:
          - {name: customer, data_type: VARCHAR, config: {meta: {pii: true}}}
          - {name: first_order, data_type: BIGINT}
      - name: spend
        config:
          meta:
            grain: [order_id]
        columns:
          - name: order_id
            data_type: BIGINT
          - name: customer
            data_type: VARCHAR
            config: {meta: {pii: true}}
          - name: amount
            data_type: DOUBLE
            data_tests: [not_null]
      - name: by_buyer
        config: {meta: {grain: [customer]}}
        columns:
          - {name: customer, data_type: VARCHAR, config: {meta: {pii: true}}}
          - {name: total, data_type: DOUBLE}
"""
FILES = DBT_PROJECT | {
    "defs/dbt/defs.yaml": """
        type: orchestrator_platform.components.DbtTablesComponent
        attributes: {}
    """,
    "dbt/models/models.yml": MODELS,
    "dbt/models/cleaned.sql": "select order_id, customer, amount\nfrom {{ source('raw', 'orders') }}\n",
    "dbt/models/buyers.sql": (
        "select customer, min(order_id) as first_order\nfrom {{ source('raw', 'orders') }}\ngroup by customer\n"
    ),
    "dbt/models/spend.sql": (
        "select o.order_id, b.customer, o.amount\nfrom {{ ref('cleaned') }} as o\n"
        "join {{ ref('buyers') }} as b\n  on o.customer = b.customer\n"
    ),
    "dbt/models/by_buyer.sql": "select customer,\n  sum(amount) as total\nfrom {{ ref('spend') }}\ngroup by customer\n",
}
# The tables that Python makes stand on the orders as well, and would only take time.
_LEFT_OUT = ("defs/marts/defs.yaml", "defs/marts/contract.py", "defs/marts/tables.py")


def make_published(folder: Path, changes: Mapping[str, str] | None = None) -> None:
    """Makes the project, with other files where told, with everything published, one order in quarantine."""
    make_project(folder, changes=FILES | dict(changes or {}))
    for name in _LEFT_OUT:
        (folder / name).unlink()
    rows = [(n, f"buyer {n % N_BUYERS}", n % 7 + 1, "open") for n in range(N_ORDERS)]
    file = write_orders(folder, "orders.csv", *rows, (N_ORDERS, "buyer 0", -5, "open"))
    land(gate_of(folder), "orders", [file])
    assert not build(gate_of(folder)).is_no


def edit(folder: Path, file: str, before: str, after: str) -> None:
    """Changes a file as somebody on a branch would."""
    text = (folder / file).read_text(encoding="utf-8")
    assert before in text
    write(folder / file, text.replace(before, after))


def over(folder: Path, lake: Path | None = None, place: Path | None = None) -> Settings:
    """Returns the settings of an overlay over the project's home, or over another lake."""
    settings = load_settings(lake or folder / "home", folder)
    return Settings(Home(place or folder / "over"), settings.project, registry="off", over=settings.home.root)


def check_branch(folder: Path, *allowed: str, embedders: Embedders | None = None) -> CiReport:
    return run_ci(over(folder), CiOptions(allowed), ADA, embedders=embedders)


def report_of(report: CiReport, asset: str) -> AssetReport:
    return next(item for item in report.assets if item.asset == asset)


def failed(report: CiReport) -> dict[tuple[str, str], Case]:
    """Returns what failed, by subject and check."""
    return {(case.subject, case.check): case for case in report.all_cases if case.state is CaseState.FAILED}
