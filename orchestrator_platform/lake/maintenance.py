"""DuckLake's own upkeep, in the only order that is right; the writer calls it under its lock.

Merging touches the platform's tables alone: on tables of data it would falsify the change feed.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from ..errors import VersionDamaged
from ..records.keys import Snapshot
from ..records.receipts import Receipt
from ..sql import literal
from .content import Content, measure_content
from .platform_tables import SCHEMA, most_small_files, platform_tables

_LOG = logging.getLogger("orchestrator")
MERGED_BY, MERGED = "platform", "merge the platform's tables"
# A version of more rows is not read again in passing.
REHASHED_ROWS = 1_000_000
# Each publication adds a file to most of the platform's tables, and whoever reads a table opens all of its files.
MANY_SMALL_FILES = 64
# What has grown to this size is not written again: a merge costs as much in an old lake as in a young one.
SMALL_BYTES = 1_000_000


def merge_if_many(connection: duckdb.DuckDBPyConnection) -> None:
    """Merges the platform's tables once one of them lies in many small files. What fails is said, and tried again
    after the next commit: the one before it stands.
    """
    try:
        if most_small_files(connection, SMALL_BYTES) >= MANY_SMALL_FILES:
            merge_platform_tables(connection)
    except (duckdb.Error, OSError) as error:
        _LOG.warning(
            "The platform's own tables could not be merged (%s). Everything is published and readable; the next"
            " publication tries again. Until then reading becomes slower. Look: `orchestrator doctor`.",
            str(error).splitlines()[0],
        )


def merge_platform_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Writes the platform's small files as few, in a snapshot of its own that says so."""
    connection.execute("BEGIN")
    try:
        for table in sorted(platform_tables(connection)):
            connection.execute(
                f"CALL ducklake_merge_adjacent_files('lake', {literal(table)}, schema => '{SCHEMA}',"
                f" max_file_size => {SMALL_BYTES})"
            ).fetchall()
        connection.execute("CALL lake.set_commit_message(?, ?)", [MERGED_BY, MERGED])
        connection.execute("COMMIT")
    except BaseException:
        _abort(connection)
        raise


def follow_merges(connection: duckdb.DuckDBPyConnection, explained: Snapshot) -> Snapshot:
    """Returns the last of the snapshots behind `explained` that only merged the platform's tables."""
    rows = connection.execute(
        "SELECT snapshot_id, author, commit_message, changes FROM lake.snapshots() WHERE snapshot_id > ? ORDER BY 1",
        [explained],
    ).fetchall()
    for snapshot, author, message, changes in rows:
        if snapshot != explained + 1 or not is_merge(author, message, changes):
            break
        explained = Snapshot(snapshot)
    return explained


def is_merge(author: str | None, message: str | None, changes: Mapping[str, object] | None) -> bool:
    """Whether a snapshot says of itself, and DuckLake of it, that it merged files and nothing else."""
    return (author, message) == (MERGED_BY, MERGED) and not set(changes or ()) - {"merge_adjacent"}


def expire_snapshots(connection: duckdb.DuckDBPyConnection, snapshots: Sequence[Snapshot]) -> None:
    """Makes snapshots unreadable; files that no other shows wait to be deleted."""
    if snapshots:
        listed = ", ".join(str(int(snapshot)) for snapshot in snapshots)
        # Without its result being fetched the call does nothing.
        connection.execute(f"CALL ducklake_expire_snapshots('lake', versions => [{listed}])").fetchall()


def require_unharmed(connection: duckdb.DuckDBPyConnection, catalog: str, receipt: Receipt) -> None:
    """Reads a version again, attached as `catalog`.

    Raises:
        VersionDamaged: It does not hold what its receipt says, or cannot be read.
    """
    expected = Content.parse(receipt.data_version)
    relation = f"{catalog}.{receipt.asset.quoted}"
    try:
        found: Any = measure_content(connection, relation, receipt.columns)
    except duckdb.Error as error:
        found = f"nothing that can be read ({str(error).splitlines()[0]})"
    else:
        if found.agrees_with(expected):
            return
    raise VersionDamaged(asset=receipt.asset, version=receipt.version, expected=receipt.data_version, found=str(found))


def _abort(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.execute("ROLLBACK")
    except duckdb.Error:
        return
