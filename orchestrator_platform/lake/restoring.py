"""Makes the content of an earlier version the next one, or makes a table empty, in the writer's open transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ..errors import BaseMoved, CommitMismatch, SealBroken
from ..records.candidates import Form
from ..records.keys import AssetKey
from ..records.receipts import Head, Receipt
from ..sql import literal
from .history import read_receipts_at
from .schema_change import Change, change_table

# What a restored version takes over from the version that it restores: its content, and who made and judged it.
_TAKEN_OVER = (
    "kind", "parents", "columns", "n_rows", "data_version", "fingerprint", "code_version", "contract_hash",
    "producer", "auditor", "seal", "findings", "reads_base",
)  # fmt: skip


@dataclass(frozen=True)
class Restored:
    """A version to be whose content was published before, or that is empty.

    In the form DELTA the rows in `rowids` go and those in `files` come; in the form WHOLE every row goes first.
    """

    receipt: Receipt
    rowids: Path | None = None
    files: tuple[Path, ...] = ()


def apply_restored(connection: duckdb.DuckDBPyConnection, restored: Restored) -> None:
    """Changes the table.

    Raises:
        CommitMismatch: Another number of rows went than should have.
    """
    receipt = restored.receipt
    change = change_table(connection, receipt.asset, receipt.columns)
    if change is not Change.NEW_TABLE:
        _delete(connection, restored)
    for path in restored.files:
        add_file(connection, receipt.asset, path)


def require_restorable(
    connection: duckdb.DuckDBPyConnection, restored: Sequence[Restored], heads: Mapping[AssetKey, Head]
) -> None:
    """Does nothing where each base is the head, and what comes is nothing or was judged and published in this lake.

    Raises:
        BaseMoved: A base is not the head any more.
        SealBroken: A receipt is not that of the version to restore.
    """
    named = [(item.receipt.asset, v) for item in restored if (v := item.receipt.restores) is not None]
    sources = read_receipts_at(connection, named)
    for item in restored:
        source = sources.get((item.receipt.asset, item.receipt.restores)) if item.receipt.restores else None
        _require_one(item, source, heads.get(item.receipt.asset))


def _require_one(restored: Restored, source: Receipt | None, head: Head | None) -> None:
    receipt = restored.receipt
    if head is None or head.version != receipt.base_version:
        raise BaseMoved(asset=receipt.asset, base=receipt.base_version, head=head.version if head else None)
    if receipt.withdrawn:
        if receipt.n_rows or restored.files:
            raise SealBroken(asset=receipt.asset, what="a withdrawn version", sealed="empty", found="rows")
        return
    if source is None or source.withdrawn or source.restores is not None:
        raise SealBroken(
            asset=receipt.asset, what="the version to restore", sealed="one that was judged", found=str(source)
        )
    for name in _TAKEN_OVER:
        sealed, found = getattr(source, name), getattr(receipt, name)
        if sealed != found:
            raise SealBroken(asset=receipt.asset, what=f"its {name}", sealed=str(sealed), found=str(found))


def add_file(connection: duckdb.DuckDBPyConnection, asset: AssetKey, path: Path) -> None:
    """Registers a Parquet file that lies in the lake's folder as rows of the table."""
    connection.execute(
        "CALL ducklake_add_data_files('lake', ?, ?, schema => ?, hive_partitioning => false)",
        [asset.name, str(path), asset.schema],
    )


def _delete(connection: duckdb.DuckDBPyConnection, restored: Restored) -> None:
    receipt = restored.receipt
    if receipt.form is Form.WHOLE:
        where = ""
    elif restored.rowids is None:
        return
    else:
        where = f" WHERE rowid IN (SELECT id FROM read_parquet({literal(str(restored.rowids))}))"
    row = connection.execute(f"DELETE FROM lake.{receipt.asset.quoted}{where}").fetchone()
    deleted = int(row[0]) if row else 0
    if deleted != receipt.n_deleted:
        raise CommitMismatch(
            asset=receipt.asset, what="the number of rows deleted", expected=receipt.n_deleted, found=deleted
        )
