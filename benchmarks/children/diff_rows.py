"""Compares two versions of many rows: from their files, by joining both whole, by a plain join.

Run as `python -m benchmarks.children.diff_rows make|files|whole|plain together|scattered FOLDER N_ROWS`.
"""

import json
import sys
import time
from pathlib import Path

import duckdb

from benchmarks.children.write_rows import ROWS_SQL
from orchestrator_platform.lake.changed_files import Pinned, read_changed_files
from orchestrator_platform.lake.content import measure_content
from orchestrator_platform.lake.diff import compare_states
from orchestrator_platform.lake.session import connect
from orchestrator_platform.lake.state import State
from orchestrator_platform.records.keys import AssetKey, Snapshot
from orchestrator_platform.sql import literal, read_columns

_ASSET = AssetKey("marts.orders")
_CHANGED = {"together": "order_id < {n_rows} // 100", "scattered": "hash(order_id) % 100 = 0"}
_PLAIN = """
    SELECT count(*) FROM before.marts.orders AS b FULL JOIN after.marts.orders AS a USING (order_id)
    WHERE b.order_id IS NULL OR a.order_id IS NULL OR b.customer IS DISTINCT FROM a.customer
       OR b.amount IS DISTINCT FROM a.amount OR b.status IS DISTINCT FROM a.status
       OR b.ordered_at IS DISTINCT FROM a.ordered_at
"""


def main(way: str, kind: str, folder: str, n_rows: str) -> None:
    root = Path(folder)
    if way == "make":
        _make(root, kind, int(n_rows))
    else:
        print(json.dumps(_compare(root, way)))


def _make(root: Path, kind: str, n_rows: int) -> None:
    """Two versions as the gate's writer commits them: keys deleted and a file added."""
    root.mkdir(parents=True)
    connection = connect()
    connection.execute(
        f"ATTACH {literal(f'ducklake:sqlite:{root}/catalog.sqlite')} AS lake"
        f" (DATA_PATH {literal(f'{root}/data')}, DATA_INLINING_ROW_LIMIT 0)"
    )
    sql = ROWS_SQL.format(n_rows=n_rows)
    connection.execute(f"CREATE SCHEMA lake.marts; CREATE TABLE lake.marts.orders AS {sql} LIMIT 0")
    where = _CHANGED[kind].format(n_rows=n_rows)
    changed = f"SELECT * REPLACE (amount + 1 AS amount) FROM ({sql}) WHERE {where}"
    versions = []
    for name, query, gone in (("first", sql, "false"), ("second", changed, where)):
        connection.execute(f"COPY ({query}) TO '{root}/{name}.parquet' (COMPRESSION zstd, COMPRESSION_LEVEL 1)")
        connection.execute("BEGIN")
        connection.execute(f"DELETE FROM lake.marts.orders WHERE {gone}")
        connection.execute(
            f"CALL ducklake_add_data_files('lake', 'orders', '{root}/{name}.parquet', schema => 'marts')"
        )
        connection.execute("COMMIT")
        columns = read_columns(connection, "lake.marts.orders")
        content = str(measure_content(connection, "lake.marts.orders", columns))
        row = connection.execute("SELECT max(snapshot_id) FROM lake.snapshots()").fetchone()
        versions.append({"snapshot": row[0] if row else 0, "content": content, "n_rows": n_rows})
    (root / "versions.json").write_text(json.dumps(versions), encoding="utf-8")


def _compare(root: Path, way: str) -> dict[str, float]:
    connection = connect()
    pinned, states = [], []
    for alias, version in zip(("before", "after"), json.loads((root / "versions.json").read_text()), strict=True):
        pinned.append(Pinned(_ASSET, alias, Snapshot(version["snapshot"])))
        states.append(_attach(connection, root, alias, version))
    before, after = states
    started = time.perf_counter()
    if way == "plain":
        row = connection.execute(_PLAIN).fetchone()
        return {"seconds": time.perf_counter() - started, "n_changed": row[0] if row else 0}
    read = (lambda: read_changed_files(connection, pinned[0], pinned[1], after)) if way == "files" else None
    found = compare_states(connection, before, after, ("order_id",), lambda _: True, read)
    seconds = time.perf_counter() - started
    assert found.way == ("files" if way == "files" else "keys")
    return {"seconds": seconds, "n_changed": found.n_changed}


def _attach(connection: duckdb.DuckDBPyConnection, root: Path, alias: str, version: dict[str, object]) -> State:
    connection.execute(
        f"ATTACH {literal(f'ducklake:sqlite:{root}/catalog.sqlite')} AS {alias}"
        f" (READ_ONLY, SNAPSHOT_VERSION {version['snapshot']})"
    )
    relation = f"{alias}.{_ASSET.quoted}"
    columns = read_columns(connection, relation)
    n_rows = int(str(version["n_rows"]))
    return State(relation, columns, n_rows, str(version["content"]), is_keyed=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
