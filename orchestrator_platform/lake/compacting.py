"""Writes a table of many files anew as one: the same rows, the same version, fewer files to open.

In the change feed of the snapshot that does it every row goes and comes; between versions the two cancel.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ..errors import BaseMoved, CommitMismatch
from ..records.keys import AssetKey
from ..records.receipts import Head, Receipt
from ..sql import identifier, literal
from .content import Content, hash_file, measure_content
from .layout import LakeLayout
from .restoring import add_file


@dataclass(frozen=True)
class Compacted:
    """A served version whose rows lie in one new file of the lake's folder."""

    receipt: Receipt
    file: Path
    sha256: str


def write_compacted(
    connection: duckdb.DuckDBPyConnection, layout: LakeLayout, receipt: Receipt, name: str
) -> Compacted:
    """Writes the served rows, read from `lake` on the connection, in their order into a new file.

    Raises:
        CommitMismatch: What was written is not the version's content.
    """
    folder = layout.data / receipt.asset.schema / receipt.asset.name
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}-{os.urandom(4).hex()}-rows.parquet"
    names = ", ".join(identifier(column.name) for column in receipt.columns)
    connection.execute(
        f"COPY (SELECT {names} FROM lake.{receipt.asset.quoted} ORDER BY rowid) TO {literal(str(target))}"
        " (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
    )
    # Hashed before it is measured: whatever changes it from now on is noticed.
    sha256 = hash_file(target)
    written = measure_content(connection, f"read_parquet({literal(str(target))})", receipt.columns)
    expected = Content.parse(receipt.data_version)
    if not written.agrees_with(expected):
        target.unlink()
        raise CommitMismatch(asset=receipt.asset, what="the compacted content", expected=expected, found=written)
    with target.open("rb") as file:
        os.fsync(file.fileno())
    target.chmod(0o444)
    return Compacted(receipt, target, sha256)


def require_as_written(compacted: Compacted) -> None:
    """Looks at the file once more, under the writer's lock.

    Raises:
        CommitMismatch: It is gone, or another than was written.
    """
    found = hash_file(compacted.file) if compacted.file.exists() else "no file"
    if found != compacted.sha256:
        what = "the compacted file"
        raise CommitMismatch(asset=compacted.receipt.asset, what=what, expected=compacted.sha256, found=found)


def apply_compacted(connection: duckdb.DuckDBPyConnection, compacted: Compacted) -> None:
    """Puts the one file in the place of all others, in the writer's open transaction.

    Raises:
        CommitMismatch: Another number of rows went than should have.
    """
    receipt = compacted.receipt
    row = connection.execute(f"DELETE FROM lake.{receipt.asset.quoted}").fetchone()
    deleted = int(row[0]) if row else 0
    if deleted != receipt.n_rows:
        raise CommitMismatch(
            asset=receipt.asset, what="the number of rows deleted", expected=receipt.n_rows, found=deleted
        )
    add_file(connection, receipt.asset, compacted.file)


def require_served(compacted: Compacted, heads: Mapping[AssetKey, Head]) -> None:
    """Raises BaseMoved where another version serves by now."""
    receipt, head = compacted.receipt, heads.get(compacted.receipt.asset)
    if head is None or (head.version, head.data_version) != (receipt.version, receipt.data_version):
        raise BaseMoved(asset=receipt.asset, base=receipt.version, head=head.version if head else None)
