"""Rolls back a large table with three tables made of it, through the gate or with plain SQL, and prints the time.

Run as `python -m benchmarks.children.roll_back ours|plain FOLDER N_ROWS`. One row in a hundred differs.
"""

import json
import sys
import time
from pathlib import Path
from textwrap import dedent

from benchmarks.children.phases import Phases
from benchmarks.children.write_rows import AGENTS, FILES, write_files
from orchestrator_platform.sql import literal

_ROWS_SQL = """
    SELECT i AS order_id, 'customer ' || hash(i) % 100000 AS customer,
           (hash(i + 1) % 1000000) / 100 + CASE WHEN i % 100 = 0 THEN {day} ELSE 0 END AS amount
    FROM range({n_rows}) AS r(i)
"""
_MADE_OF_IT = {
    "by_customer": "SELECT customer, sum(amount) AS total FROM orders GROUP BY ALL",
    "by_letter": "SELECT customer[-1:] AS customer, max(amount) AS total FROM orders GROUP BY ALL",
    "whole": "SELECT 'all' AS customer, sum(amount) AS total FROM orders",
}
_CONTRACT = """
    import pandera.pandas as pa


    class Orders(pa.DataFrameModel):
        order_id: int
        customer: str
        amount: float

        class Config:
            strict = True
            metadata = {"grain": ["order_id"]}


    class Total(pa.DataFrameModel):
        customer: str
        total: float

        class Config:
            strict = True
            metadata = {"grain": ["customer"]}


    class Day(pa.DataFrameModel):
        day: int

        class Config:
            strict = True
            metadata = {"grain": ["day"]}
"""


def main(way: str, folder: str, n_rows: str) -> None:
    print(json.dumps({"ours": _ours, "plain": _plain}[way](Path(folder), int(n_rows))))


def _ours(folder: Path, n_rows: int) -> dict[str, float]:
    from orchestrator_platform.operations.build import build
    from orchestrator_platform.operations.platform import Platform
    from orchestrator_platform.operations.rollback import Goal, rollback

    for day in (1, 2):
        write_files(folder, {**FILES, **AGENTS, "defs/orders/contract.py": dedent(_CONTRACT).lstrip()})
        write_files(folder, {"defs/orders/tables.py": _tables(day, n_rows)})
        platform = Platform.open(folder / "home", folder)
        if build(platform.gate).is_no:
            raise SystemExit("the benchmark's own tables were not published")
    gate = platform.gate
    phases = Phases()
    phases.watch_lock()
    started = time.perf_counter()
    result = rollback(gate, Goal("marts.orders", 1), why="the second day is wrong", by="bench")
    seconds = time.perf_counter() - started
    assert result.done is not None
    orders = next(receipt for receipt in result.done.receipts if receipt.asset == "marts.orders")
    return {
        "seconds": seconds,
        "lock": phases.longest_lock,
        "n_tables": float(len(result.done.receipts)),
        "n_changed": float(orders.n_inserted),
        "n_rows": float(orders.n_rows),
    }


def _plain(folder: Path, n_rows: int) -> dict[str, float]:
    """The same lake, and each table created anew from its earlier version."""
    from orchestrator_platform.lake.session import connect

    folder.mkdir(parents=True, exist_ok=True)
    connection = connect()
    catalog = literal(f"ducklake:sqlite:{folder}/catalog.sqlite")
    data = f"DATA_PATH {literal(f'{folder}/data')}, META_BUSY_TIMEOUT 10000, DATA_INLINING_ROW_LIMIT 0"
    connection.execute(f"ATTACH {catalog} AS lake ({data}, META_JOURNAL_MODE 'WAL')")
    connection.execute("CREATE SCHEMA lake.marts")
    snapshots = []
    for day in (1, 2):
        rows = _ROWS_SQL.format(day=day, n_rows=n_rows)
        connection.execute(f"CREATE OR REPLACE TABLE lake.marts.orders AS {rows}")
        for name, sql in _MADE_OF_IT.items():
            made = sql.replace("FROM orders", "FROM lake.marts.orders")
            connection.execute(f"CREATE OR REPLACE TABLE lake.marts.{name} AS {made}")
        row = connection.execute("SELECT max(snapshot_id) FROM lake.snapshots()").fetchone()
        snapshots.append(int(row[0]) if row else 0)
    connection.execute(f"ATTACH {catalog} AS earlier (READ_ONLY, SNAPSHOT_VERSION {snapshots[0]})")
    started = time.perf_counter()
    connection.execute("BEGIN")
    for name in ("orders", *_MADE_OF_IT):
        connection.execute(f"CREATE OR REPLACE TABLE lake.marts.{name} AS FROM earlier.marts.{name}")
    connection.execute("COMMIT")
    return {"seconds": time.perf_counter() - started, "n_rows": float(n_rows)}


def _tables(day: int, n_rows: int) -> str:
    rows = _ROWS_SQL.format(day=day, n_rows=n_rows)
    head = f"""
import duckdb
import pyarrow as pa

from orchestrator_platform import python_table


@python_table(key="marts.day", parents={{}}, contract="contract.py:Day")
def day():
    return pa.table({{"day": [{day}]}})


@python_table(key="marts.orders", parents={{"day": "marts.day"}}, contract="contract.py:Orders")
def orders(day: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    return day.query("day", {rows!r})
"""
    tables = [
        f"""

@python_table(key="marts.{name}", parents={{"orders": "marts.orders"}}, contract="contract.py:Total")
def {name}(orders: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    return orders.query("orders", {sql!r})
"""
        for name, sql in _MADE_OF_IT.items()
    ]
    return head.lstrip() + "".join(tables)


if __name__ == "__main__":
    main(*sys.argv[1:])
