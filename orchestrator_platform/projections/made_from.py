"""Where a version of an embedding and the table that it was made from can be read, each as it was."""

from contextlib import closing
from dataclasses import dataclass

import duckdb

from ..errors import UnknownVersion, VersionNotKept
from ..lake.history import read_receipt, read_snapshot_of, read_versions_of
from ..lake.published import PublishedCut
from ..records.keys import AssetKey, Snapshot, Version
from ..records.receipts import Receipt


@dataclass(frozen=True)
class Made:
    """A version of an embedding: `snapshot` shows it, `source_snapshot` the source.

    `source_version` is what it was made from; `None` where those rows are not kept any more, and the source is shown
    as it was beside the embedding.
    """

    receipt: Receipt
    snapshot: Snapshot
    source_snapshot: Snapshot
    source_version: Version | None


def find_made(cut: PublishedCut, asset: AssetKey, version: Version, source: AssetKey) -> Made:
    """Returns where a version can be read.

    Raises:
        UnknownVersion: The asset has no such version.
        VersionNotKept: Its rows are not in the lake any more.
    """
    with closing(cut.connect()) as connection:
        receipt = read_receipt(connection, asset, version)
        if receipt is None:
            raise UnknownVersion(asset=asset, version=version)
        snapshot = read_snapshot_of(connection, receipt)
        if snapshot is None:
            raise VersionNotKept(asset=asset, version=version)
        read = _source_receipt(connection, receipt, source)
        source_snapshot = read_snapshot_of(connection, read) if read is not None else None
    if read is None or source_snapshot is None:
        return Made(receipt, snapshot, snapshot, None)
    return Made(receipt, snapshot, source_snapshot, read.version)


def _source_receipt(connection: duckdb.DuckDBPyConnection, receipt: Receipt, source: AssetKey) -> Receipt | None:
    read = next((parent for parent in receipt.parents if parent.asset == source), None)
    if read is None:
        return None
    # Built in the same pass: what was read is the version as which that candidate was published.
    published = read_versions_of(connection, [read.candidate]) if read.candidate is not None else {}
    version = published.get(read.candidate, read.version) if read.candidate is not None else read.version
    return read_receipt(connection, source, version) if version is not None else None
