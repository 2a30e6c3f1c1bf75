"""A project with tables in slices of a day: what each day sold, who came for the first time, and a table of both.

`marts.daily` reads a day's orders, `marts.firsts` those of all days until then, `marts.summary` both tables as a whole.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from small_project import AGENT_FILES, gate_of, write_files, write_orders

from orchestrator_platform.gate.context import Gate
from orchestrator_platform.lake.history import read_receipts
from orchestrator_platform.operations.build import BuildResult, build
from orchestrator_platform.operations.land import land
from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.records.receipts import Receipt

DAILY, FIRSTS = AssetKey("marts.daily"), AssetKey("marts.firsts")
PER_RUN = 4

FILES = AGENT_FILES | {
    "pyproject.toml": """
        [tool.orchestrator]
        defs = "defs"
        agents = "agents"
    """,
    "defs/orders/defs.yaml": """
        type: orchestrator_platform.components.SourceComponent
        attributes:
          name: orders
          asset: raw.orders
          contract: contract.py:Orders
          pattern: ["**/*.csv"]
    """,
    "defs/orders/contract.py": """
        import pandera.pandas as pa


        class Orders(pa.DataFrameModel):
            order_id: int
            customer: str
            amount: float
            status: str

            class Config:
                strict = True
                metadata = {"grain": "none"}
    """,
    "defs/daily/defs.yaml": """
        type: orchestrator_platform.components.PythonTableComponent
        attributes:
          module: tables.py
    """,
    "defs/daily/contract.py": """
        import pandera.pandas as pa


        class Daily(pa.DataFrameModel):
            day: pa.Date = pa.Field(nullable=False)
            n_orders: int
            total: float = pa.Field(lt=1000)

            class Config:
                strict = True
                metadata = {"grain": ["day"]}


        class Firsts(pa.DataFrameModel):
            day: pa.Date
            n_first: int

            class Config:
                strict = True
                metadata = {"grain": ["day"]}


        class Summary(pa.DataFrameModel):
            n_days: int
            n_orders: int

            class Config:
                strict = True
                metadata = {"grain": "none"}
    """,
    "defs/daily/tables.py": """
        from orchestrator_platform import python_table

        DAYS = {"by": "day", "unit": "day", "start": "2024-05-01", "per_run": 4}


        @python_table(
            key="marts.daily",
            parents={"orders": "raw.orders"},
            contract="contract.py:Daily",
            partition={**DAYS, "reads": {"raw.orders": "status"}},
        )
        def daily(orders):
            return orders.aggregate("CAST(status AS DATE) AS day, count(*) AS n_orders, sum(amount) AS total")


        @python_table(
            key="marts.firsts",
            parents={"orders": "raw.orders"},
            contract="contract.py:Firsts",
            partition={**DAYS, "reads": {"raw.orders": {"by": "status", "until": True}}},
        )
        def firsts(orders):
            first = orders.aggregate("customer, min(CAST(status AS DATE)) AS day")
            return first.aggregate("day, count(*) AS n_first")


        @python_table(key="marts.summary", parents={"daily": "marts.daily"}, contract="contract.py:Summary")
        def summary(daily):
            return daily.aggregate("count(*) AS n_days, CAST(coalesce(sum(n_orders), 0) AS BIGINT) AS n_orders")
    """,
}

Row = tuple[int, str, float, str]


def make_sliced(folder: Path, changes: Mapping[str, str] | None = None) -> Path:
    """Writes the project and returns its folder."""
    return write_files(folder, {**FILES, **(changes or {})})


def day(number: int) -> str:
    """Returns a day of May 2024."""
    return f"2024-05-{number:02}"


def a_sale_on(*numbers: int, amount: float = 10.0, customer: str = "ann") -> list[Row]:
    return [(number, customer, amount, day(number)) for number in numbers]


def sell(folder: Path, name: str, rows: Iterable[Row]) -> None:
    """Lands orders; their status is the day on which they were made."""
    land(gate_of(folder), "orders", [write_orders(folder, name, *rows)])


def build_daily(folder: Path) -> BuildResult:
    return build(gate_of(folder), [DAILY])


def receipts_of(gate: Gate, asset: AssetKey = DAILY) -> tuple[Receipt, ...]:
    """Returns the receipts of a table, oldest first."""
    connection = gate.cut().connect()
    try:
        return tuple(reversed(read_receipts(connection, asset)))
    finally:
        connection.close()


def slices_of(receipts: Sequence[Receipt]) -> list[list[str]]:
    """Returns the days of May that each version made anew."""
    return [[int(item.name[-2:]) for item in receipt.slices] for receipt in receipts]  # type: ignore[misc]


def rows_of(gate: Gate, asset: AssetKey = DAILY) -> list[tuple[Any, ...]]:
    connection = gate.cut().connect()
    try:
        return connection.execute(f"SELECT * FROM lake.{asset.quoted} ORDER BY ALL").fetchall()
    finally:
        connection.close()
