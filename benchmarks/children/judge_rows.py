"""Judges many rows by five rules: by the platform's contract, by hand-written SQL, by pandera on pandas.

Run as `python -m benchmarks.children.judge_rows make|ours|sql|pandera FILE [N_ROWS]`.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import pandera.pandas as pa


class Orders(pa.DataFrameModel):  # type: ignore[misc]  # pandera comes without types here
    """Five rules. Columns that may not be null are judged as such by all three ways."""

    order_id: int = pa.Field(ge=0)
    customer: str = pa.Field(str_length={"min_value": 3, "max_value": 40})
    amount: float = pa.Field(in_range={"min_value": 0, "max_value": 10_000})
    status: str = pa.Field(isin=["open", "paid", "sent", "lost"])
    code: str = pa.Field(str_matches=r"^[A-Z]{2}[0-9]{6}\Z")

    class Config:
        strict = True
        metadata = {"grain": "none"}  # noqa: RUF012  # pandera's own way to say it


# 1 in 1,000 rows breaks a rule, so that counting and sampling are paid for.
_MAKE = """
    COPY (
        SELECT i AS order_id, 'customer ' || hash(i) % 100000 AS customer,
               (hash(i + 1) % 1000000) / 100 - CASE WHEN i % 1000 = 7 THEN 20000 ELSE 0 END AS amount,
               ['open', 'paid', 'sent', 'lost'][1 + (hash(i + 2) % 4)::INT] AS status,
               chr(65 + (i % 26)::INT) || 'X' || lpad((i % 1000000)::VARCHAR, 6, '0') AS code
        FROM range({n_rows}) AS r(i)
    ) TO '{file}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)
"""

_BY_HAND = """
    SELECT count_if(order_id IS NULL), count_if(customer IS NULL), count_if(amount IS NULL OR isnan(amount)),
           count_if(status IS NULL), count_if(code IS NULL),
           count_if(order_id < 0),
           count_if(length(customer) NOT BETWEEN 3 AND 40),
           count_if(amount NOT BETWEEN 0 AND 10000),
           count_if(status NOT IN ('open', 'paid', 'sent', 'lost')),
           count_if(NOT regexp_full_match(code, '[A-Z]{{2}}[0-9]{{6}}'))
    FROM read_parquet('{file}')
"""
_SAMPLE = "SELECT amount FROM read_parquet('{file}') WHERE amount NOT BETWEEN 0 AND 10000 LIMIT 10"


def main(way: str, file: str, n_rows: str = "0") -> None:
    ways = {"ours": _ours, "sql": _sql, "pandera": _pandera}
    if way == "make":
        _make(Path(file), int(n_rows))
    else:
        print(json.dumps(ways[way](Path(file))))


def _make(file: Path, n_rows: int) -> None:
    import duckdb

    duckdb.connect().execute(_MAKE.format(file=file, n_rows=n_rows))


def _ours(file: Path) -> dict[str, Any]:
    import duckdb

    from orchestrator_platform.contracts.evaluate import evaluate_rules
    from orchestrator_platform.contracts.pandera_contract import load_pandera_contract
    from orchestrator_platform.records.contracts import Engine
    from orchestrator_platform.records.keys import AssetKey

    contract = load_pandera_contract(AssetKey("marts.orders"), Path(__file__), "Orders")
    connection = duckdb.connect()
    started = time.perf_counter()
    results = evaluate_rules(connection, f"read_parquet('{file}')", contract)
    seconds = time.perf_counter() - started
    assert all(result.engine is Engine.SQL for result in results)
    return {"seconds": seconds, "n_failing": sum(result.n_failing for result in results), "n_checks": len(results)}


def _sql(file: Path) -> dict[str, Any]:
    import duckdb

    connection = duckdb.connect()
    started = time.perf_counter()
    row = connection.execute(_BY_HAND.format(file=file)).fetchone()
    connection.execute(_SAMPLE.format(file=file)).fetchall()
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "n_failing": sum(row or ()), "n_checks": len(row or ())}


def _pandera(file: Path) -> dict[str, Any]:
    import pandas as pd
    from pandera.errors import SchemaErrors

    schema = Orders.to_schema()
    started = time.perf_counter()
    frame = pd.read_parquet(file)
    loaded = time.perf_counter() - started
    n_failing = 0
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as errors:
        n_failing = len(errors.failure_cases)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "load": loaded, "n_failing": n_failing, "n_checks": 10}


if __name__ == "__main__":
    main(*sys.argv[1:])
