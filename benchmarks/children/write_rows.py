"""Writes many rows into a lake, through the gate or with one CREATE TABLE AS, and prints how long it took.

Run as `python -m benchmarks.children.write_rows ours|plain FOLDER N_ROWS`.
"""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from benchmarks.children.phases import Phases
from orchestrator_platform.sql import literal

ROWS_SQL = """
    SELECT i AS order_id, 'customer ' || hash(i) % 100000 AS customer, (hash(i + 1) % 1000000) / 100 AS amount,
           ['open', 'paid', 'sent', 'lost'][1 + (hash(i + 2) % 4)::INT] AS status,
           TIMESTAMP '2024-01-01' + to_seconds((i % 30000000)::BIGINT) AS ordered_at
    FROM range({n_rows}) AS r(i)
"""

_CONTRACT = """
    from datetime import datetime

    import pandera.pandas as pa


    class Orders(pa.DataFrameModel):
        order_id: int
        customer: str
        amount: float = pa.Field(ge=0)
        status: str = pa.Field(isin=["open", "paid", "sent", "lost"])
        ordered_at: datetime

        class Config:
            strict = True
            metadata = {"grain": ["order_id"]}


    class Size(pa.DataFrameModel):
        n_rows: int

        class Config:
            strict = True
            metadata = {"grain": ["n_rows"]}
"""

_TABLES = """
    import duckdb
    import pyarrow as pa

    from orchestrator_platform import python_table


    @python_table(key="marts.size", parents={{}}, contract="contract.py:Size")
    def size():
        return pa.table({{"n_rows": [{n_rows}]}})


    @python_table(key="marts.orders", parents={{"size": "marts.size"}}, contract="contract.py:Orders")
    def orders(size: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
        return size.query("size", {sql!r})
"""

FILES = {
    "pyproject.toml": '[tool.orchestrator]\ndefs = "defs"\ndbt_project = "dbt"\nagents = "agents"\n',
    "defs/orders/defs.yaml": (
        "type: orchestrator_platform.components.PythonTableComponent\nattributes:\n  module: tables.py\n"
    ),
    "defs/orders/contract.py": _CONTRACT,
}
_SEATS = {
    "maker": "produces: ['*']\naudits: []\nmay: [land, build, publish, replay, rollback]\nnever: [approve]",
    "judge": "produces: []\naudits: ['*']\nmay: [audit, quarantine, discard]\nnever: [approve, publish]",
    "orchestrator": "produces: []\naudits: []\nmay: [plan, delegate]\nnever: [approve]",
}
AGENTS = {
    f"agents/{name}.md": (
        f"---\nname: {name}\ndescription: The benchmark's {name}.\n{seat}\nescalates: []\n"
        f"invocation: automatic\ncontext_budget: 1000\n---\nDo it.\n"
    )
    for name, seat in _SEATS.items()
}


def main(way: str, folder: str, n_rows: str) -> None:
    result = {"ours": _ours, "plain": _plain}[way](Path(folder), int(n_rows))
    print(json.dumps(result))


def _ours(folder: Path, n_rows: int) -> dict[str, float]:
    from orchestrator_platform.gate.cycle import building, order, table_pass
    from orchestrator_platform.operations.build import build
    from orchestrator_platform.operations.platform import Platform
    from orchestrator_platform.records.keys import AssetKey

    _write_project(folder, n_rows)
    platform = Platform.open(folder / "home", folder)
    gate = platform.gate
    # The lake is there and attached once before the clock starts, as it is for the plain way.
    build(gate, ["marts.size"])
    phases = Phases()
    phases.watch_lock()
    phases.watch(building, "build_python_stage", "build")
    phases.watch(table_pass, "close_candidate", "close")
    phases.watch(table_pass, "audit_candidates", "audit")
    phases.watch(order, "publish", "publish")
    started = time.perf_counter()
    result = build(gate, ["marts.orders"])
    seconds = time.perf_counter() - started
    if result.is_no:
        raise SystemExit(f"the benchmark's own table was not published: {result}")
    audit = phases.seconds["audit"]
    return {
        **phases.seconds,
        "seconds": seconds - audit,
        "audit": audit,
        "lock": phases.longest_lock,
        "n_rows": float(platform.cut().heads[AssetKey("marts.orders")].n_rows),
    }


def _plain(folder: Path, n_rows: int) -> dict[str, float]:
    """The same lake: the same catalog, extensions and settings, and one statement."""
    from orchestrator_platform.lake.session import connect

    folder.mkdir(parents=True, exist_ok=True)
    connection = connect()
    connection.execute(
        f"ATTACH {literal(f'ducklake:sqlite:{folder}/catalog.sqlite')} AS lake (DATA_PATH {literal(f'{folder}/data')},"
        " META_JOURNAL_MODE 'WAL', META_BUSY_TIMEOUT 10000, DATA_INLINING_ROW_LIMIT 0)"
    )
    connection.execute("CREATE SCHEMA lake.marts")
    started = time.perf_counter()
    connection.execute(f"CREATE TABLE lake.marts.orders AS {ROWS_SQL.format(n_rows=n_rows)}")
    seconds = time.perf_counter() - started
    row = connection.execute("SELECT count(*) FROM lake.marts.orders").fetchone()
    return {"seconds": seconds, "n_rows": float(row[0] if row else 0)}


def _write_project(folder: Path, n_rows: int) -> None:
    tables = _TABLES.format(n_rows=n_rows, sql=ROWS_SQL.format(n_rows=n_rows))
    write_files(folder, {**FILES, **AGENTS, "defs/orders/tables.py": tables})


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Writes texts by their path below the folder."""
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text).lstrip(), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
