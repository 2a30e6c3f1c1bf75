"""A published cut copied into one scratch file: read a thousand times, a lake's catalog would cost the most."""

import os
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from ..lake.platform_tables import SCHEMA
from ..lake.published import PublishedCut
from ..lake.readers import attach_statement
from ..records.keys import AssetKey
from ..records.receipts import Receipt
from ..sql import identifier, literal

_OLDER, _THEN = "_older", "older_snapshot"


@dataclass(frozen=True)
class CopiedCut(PublishedCut):
    """The same snapshot and heads, with the rows of `copied` alone; `older` holds earlier versions of some."""

    file: Path
    copied: frozenset[AssetKey]
    older: frozenset[AssetKey]

    def setup(self) -> tuple[str, ...]:
        return (f"ATTACH IF NOT EXISTS {literal(str(self.file))} AS lake (READ_ONLY)",)

    def relations(self) -> dict[AssetKey, str]:
        return {asset: f"lake.{asset.quoted}" for asset in self.heads if asset in self.copied}

    def linked(self, file: Path) -> "CopiedCut":
        """Returns the same copy under another name: DuckDB can wait for ever to attach one file by one name twice."""
        os.link(self.file, file)
        return replace(self, file=file)

    def older_relation(self, asset: AssetKey) -> str | None:
        """Returns the version before the one that serves, `None` where there is none like it."""
        return f"lake.{_OLDER}.{identifier(asset)}" if asset in self.older else None


def copy_cut(cut: PublishedCut, assets: Collection[AssetKey], older: Collection[Receipt], file: Path) -> CopiedCut:
    """Writes the file; `older` are receipts of versions whose rows, where the lake still has them, come along."""
    connection = cut.connect()
    try:
        connection.execute(f"ATTACH {literal(str(file))} AS copied")
        for schema in sorted({SCHEMA, _OLDER, *(asset.schema for asset in assets)}):
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS copied.{identifier(schema)}")
        connection.execute(f"CREATE TABLE copied.{SCHEMA}.receipts AS FROM lake.{SCHEMA}.receipts")
        for asset in assets:
            connection.execute(f"CREATE TABLE copied.{asset.quoted} AS FROM lake.{asset.quoted}")
        kept = {row[0] for row in connection.execute("SELECT snapshot_id FROM lake.snapshots()").fetchall()}
        found = [receipt for receipt in older if receipt.snapshot in kept]
        for receipt in found:
            _copy_older(connection, cut, receipt)
        connection.execute("DETACH copied")
    finally:
        connection.close()
    return CopiedCut(
        cut.layout,
        cut.snapshot,
        cut.heads,
        cut.root,
        file=file,
        copied=frozenset(assets),
        older=frozenset(receipt.asset for receipt in found),
    )


def _copy_older(connection: duckdb.DuckDBPyConnection, cut: PublishedCut, receipt: Receipt) -> None:
    connection.execute(attach_statement(cut.layout, receipt.snapshot, _THEN))
    target = f"copied.{_OLDER}.{identifier(receipt.asset)}"
    connection.execute(f"CREATE TABLE {target} AS FROM {_THEN}.{receipt.asset.quoted}")
    connection.execute("DETACH " + identifier(_THEN))
