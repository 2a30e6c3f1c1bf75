"""Compares what the lake holds with what its receipts say of it, before any reader can see it."""

from collections.abc import Sequence

import duckdb

from ..errors import CommitMismatch
from ..records.candidates import SchemaColumn
from ..records.keys import AssetKey, Snapshot
from ..records.receipts import Receipt
from ..sql import literal, read_columns
from .content import Content, measure_content
from .history import read_compacted_after, read_heads, read_receipt
from .maintenance import require_unharmed

# Re-reading a small change is free; a large one was hashed file by file when it was put in place.
_REREAD_ROWS = 1_000_000


def reread(connection: duckdb.DuckDBPyConnection, receipt: Receipt) -> None:
    """Compares what the lake holds with what the receipt says of it.

    Raises:
        CommitMismatch: Rows, columns or content differ.
    """
    table = f"lake.{receipt.asset.quoted}"
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    _require_equal(receipt.asset, "the number of rows", receipt.n_rows, int(row[0]) if row else None)
    columns = read_columns(connection, table)
    _require_equal(receipt.asset, "the columns", _sorted(receipt.columns), _sorted(columns))
    by_rows = receipt.restores is not None and receipt.n_rows <= _REREAD_ROWS
    if not by_rows and 0 < receipt.n_inserted <= _REREAD_ROWS and receipt.base_version is not None:
        _reread_change(connection, receipt)
    elif receipt.n_rows <= _REREAD_ROWS:
        _reread_content(connection, receipt, table)


def reread_unseen(connection: duckdb.DuckDBPyConnection, seen: Snapshot | None) -> None:
    """Re-reads what no reader has seen: whoever committed it was killed, or stopped because it was wrong.

    Raises:
        CommitMismatch: A served version is not what its receipt says.
        VersionDamaged: Neither is one that was written anew as one file.
    """
    since = Snapshot(seen or 0)
    compacted = read_compacted_after(connection, since)
    for head in read_heads(connection).values():
        if head.snapshot <= since and head.asset not in compacted:
            continue
        receipt = read_receipt(connection, head.asset, head.version)
        if receipt is not None and head.asset in compacted:
            require_unharmed(connection, "lake", receipt)
        elif receipt is not None:
            reread(connection, receipt)


def _reread_content(connection: duckdb.DuckDBPyConnection, receipt: Receipt, table: str) -> None:
    found = measure_content(connection, table, receipt.columns)
    if found.algorithm == Content.parse(receipt.data_version).algorithm:
        _require_equal(receipt.asset, "the content", receipt.data_version, str(found))


def _reread_change(connection: duckdb.DuckDBPyConnection, receipt: Receipt) -> None:
    snapshot = receipt.snapshot
    where = f"{literal(receipt.asset.schema)}, {literal(receipt.asset.name)}, {snapshot}, {snapshot}"
    inserted = measure_content(connection, f"ducklake_table_insertions('lake', {where})", receipt.columns)
    _require_equal(receipt.asset, "the number of rows added", receipt.n_inserted, inserted.n_rows)


def _sorted(columns: Sequence[SchemaColumn]) -> list[tuple[str, str]]:
    return sorted((column.name, column.type) for column in columns)


def _require_equal(asset: AssetKey, what: str, expected: object, found: object) -> None:
    if expected != found:
        raise CommitMismatch(asset=asset, what=what, expected=expected, found=found)
