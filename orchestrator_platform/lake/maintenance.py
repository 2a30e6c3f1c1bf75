"""DuckLake's own upkeep, in the only order that is right; the writer calls it under its lock.

Merging touches the platform's tables alone: on tables of data it would falsify the change feed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from ..errors import VersionDamaged
from ..records.keys import Snapshot
from ..records.receipts import Receipt
from .content import Content, measure_content
from .platform_tables import SCHEMA, platform_tables

MERGED_BY, MERGED = "platform", "merge the platform's tables"
# A version of more rows is not read again in passing.
REHASHED_ROWS = 1_000_000


def merge_platform_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Writes the platform's many small files as few, in a snapshot of its own that says so."""
    connection.execute("BEGIN")
    try:
        for table in sorted(platform_tables(connection)):
            connection.execute(
                f"CALL ducklake_merge_adjacent_files('lake', ?, schema => '{SCHEMA}')", [table]
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
