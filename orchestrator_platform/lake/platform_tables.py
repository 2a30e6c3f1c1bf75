"""The platform's own tables in the lake: heads, receipts, ledger, quarantine, outbox, what was taken back, releases."""

from collections.abc import Iterable, Sequence

import duckdb

from ..records.base import canonical_json
from ..records.events import Event
from ..records.keys import Snapshot
from ..records.ledger import LedgerEntry, QuarantineEntry, RowAddress
from ..records.receipts import Head, Receipt
from ..records.replays import Replay
from ..records.retractions import Release, Retraction
from ..sql import literal

SCHEMA = "_platform"

TABLES = {
    "heads": "asset VARCHAR, version BIGINT, snapshot BIGINT, head VARCHAR",
    "receipts": "asset VARCHAR, version BIGINT, snapshot BIGINT, candidate VARCHAR, receipt VARCHAR",
    "ledger": "source VARCHAR, asset VARCHAR, file VARCHAR, file_sha256 VARCHAR, identity VARCHAR,"
    " size_bytes BIGINT, state VARCHAR, n_rows BIGINT, n_published BIGINT, n_quarantined BIGINT,"
    " n_duplicate BIGINT, version BIGINT, landed_at TIMESTAMP WITH TIME ZONE",
    "quarantine": "id BIGINT, kind VARCHAR, asset VARCHAR, state VARCHAR, candidate VARCHAR, fingerprint VARCHAR,"
    " n_rows BIGINT, reasons VARCHAR, since TIMESTAMP WITH TIME ZONE",
    "quarantine_rows": "id BIGINT, source VARCHAR, file VARCHAR, file_sha256 VARCHAR, line BIGINT, rule VARCHAR,"
    " reason VARCHAR, position VARCHAR",
    "outbox": "snapshot BIGINT, event VARCHAR",
    "retracted": "asset VARCHAR, version BIGINT, cause VARCHAR, fingerprint VARCHAR, snapshot BIGINT, entry BIGINT,"
    " why VARCHAR",
    "replays": "source VARCHAR, asset VARCHAR, file_sha256 VARCHAR, entry BIGINT, part BIGINT, version BIGINT,"
    " n_rows BIGINT, n_published BIGINT, n_quarantined BIGINT",
    "releases": "name VARCHAR, snapshot BIGINT, released_at TIMESTAMP WITH TIME ZONE, agent VARCHAR, why VARCHAR",
}


# DuckDB's own lists of tables open every table to count its rows; the catalog says the same in a tenth of the time.
CATALOG = "__ducklake_metadata_lake"
_IN_SCHEMA = (
    f"{CATALOG}.ducklake_table AS t JOIN {CATALOG}.ducklake_schema AS s"
    f" ON t.schema_id = s.schema_id AND s.schema_name = {literal(SCHEMA)}"
)


def platform_tables(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Returns the names of those that the newest snapshot of the attached lake has: an older home has fewer."""
    # No bound parameter: the first one in a process imports pandas, and every command comes through here.
    rows = connection.execute(
        f"SELECT t.table_name FROM {_IN_SCHEMA} WHERE t.end_snapshot IS NULL AND s.end_snapshot IS NULL"
    ).fetchall()
    return frozenset(row[0] for row in rows)


def may_have_rows(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether the table is there at the attached snapshot and was ever committed to.

    To scan a table without files takes several times as long as one with some, and most homes have such.
    """
    # A table gets its line of statistics with its first file.
    filled = connection.execute(
        f"SELECT count(*) FROM {CATALOG}.ducklake_table_stats AS f JOIN {_IN_SCHEMA}"
        f" ON f.table_id = t.table_id WHERE t.table_name = {literal(table)}"
    ).fetchone()
    return bool(filled and filled[0]) and is_there(connection, f"lake.{SCHEMA}.{table}")


def most_small_files(connection: duckdb.DuckDBPyConnection, size_bytes: int) -> int:
    """Returns in how many smaller files than this one of the tables lies at most. Files of which rows were deleted do
    not count: they cannot be merged.
    """
    row = connection.execute(
        f"SELECT count(*) FROM {CATALOG}.ducklake_data_file AS f JOIN {_IN_SCHEMA} ON f.table_id = t.table_id"
        f" LEFT JOIN {CATALOG}.ducklake_delete_file AS d ON d.data_file_id = f.data_file_id AND d.end_snapshot IS NULL"
        f" WHERE f.end_snapshot IS NULL AND d.data_file_id IS NULL AND f.file_size_bytes < {int(size_bytes)}"
        " GROUP BY f.table_id ORDER BY 1 DESC LIMIT 1"
    ).fetchone()
    return int(row[0]) if row else 0


def is_there(connection: duckdb.DuckDBPyConnection, relation: str) -> bool:
    """Whether a table of this name, quoted, can be read here and now, its creation not yet committed or not."""
    try:
        # Not DESCRIBE: what is not there and is called like a file, `raw.csv`, would be looked for on the disk.
        connection.execute(f"PRAGMA table_info({literal(relation)})")
    except duckdb.CatalogException:
        return False
    return True


def create_platform_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Creates what is missing."""
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS lake.{SCHEMA}")
    for name, columns in TABLES.items():
        connection.execute(f"CREATE TABLE IF NOT EXISTS lake.{SCHEMA}.{name} ({columns})")


def insert_heads(connection: duckdb.DuckDBPyConnection, heads: Sequence[Head]) -> None:
    """Replaces the heads of the assets named."""
    if heads:
        listed = ", ".join(literal(head.asset) for head in heads)
        connection.execute(f"DELETE FROM lake.{SCHEMA}.heads WHERE asset IN ({listed})")
    _insert(connection, "heads", [(h.asset, h.version, h.snapshot, h.canonical_json()) for h in heads])


def insert_receipts(connection: duckdb.DuckDBPyConnection, receipts: Sequence[Receipt]) -> None:
    """Adds receipts; none is ever changed."""
    _insert(
        connection,
        "receipts",
        [(r.asset, r.version, r.snapshot, r.candidate, r.canonical_json()) for r in receipts],
    )


def insert_ledger(connection: duckdb.DuckDBPyConnection, entries: Sequence[LedgerEntry]) -> None:
    """Adds what became of landed files."""
    _insert(connection, "ledger", [tuple(entry.model_dump(mode="python").values()) for entry in entries])


def insert_quarantine(
    connection: duckdb.DuckDBPyConnection, entry: QuarantineEntry, rows: Sequence[RowAddress]
) -> None:
    """Adds an entry with the addresses of its rows."""
    values = entry.model_dump(mode="python") | {"reasons": canonical_json(entry.reasons)}
    _insert(connection, "quarantine", [tuple(values.values())])
    _insert_addresses(connection, entry.id, rows)


def replace_quarantine(connection: duckdb.DuckDBPyConnection, entry: QuarantineEntry) -> None:
    """Replaces an entry; its rows' addresses stay."""
    connection.execute(f"DELETE FROM lake.{SCHEMA}.quarantine WHERE id = ?", [entry.id])
    insert_quarantine(connection, entry, ())


def insert_replays(connection: duckdb.DuckDBPyConnection, replays: Sequence[Replay]) -> None:
    """Adds what was published out of quarantine; the ledger's own lines stay as they are."""
    _insert(connection, "replays", [tuple(item.model_dump(mode="python").values()) for item in replays])


def replace_addresses(
    connection: duckdb.DuckDBPyConnection, entry: int, files: Sequence[str], left: Sequence[RowAddress]
) -> None:
    """Makes these the addresses that an entry has of rows of the files with these sha256."""
    marks = ", ".join("?" for _ in files)
    connection.execute(
        f"DELETE FROM lake.{SCHEMA}.quarantine_rows WHERE id = ? AND file_sha256 IN ({marks})", [entry, *files]
    )
    _insert_addresses(connection, entry, left)


def _insert_addresses(connection: duckdb.DuckDBPyConnection, entry: int, rows: Sequence[RowAddress]) -> None:
    columns = ("source", "file", "file_sha256", "line", "rule", "reason", "position")
    _insert(connection, "quarantine_rows", [(entry, *(getattr(row, name) for name in columns)) for row in rows])


def replace_retractions(connection: duckdb.DuckDBPyConnection, retractions: Sequence[Retraction]) -> None:
    """Makes these all that is taken back."""
    connection.execute(f"DELETE FROM lake.{SCHEMA}.retracted")
    _insert(connection, "retracted", [tuple(item.model_dump(mode="python").values()) for item in retractions])


def insert_release(connection: duckdb.DuckDBPyConnection, release: Release) -> None:
    """Adds a release; none is ever changed."""
    _insert(connection, "releases", [tuple(release.model_dump(mode="python").values())])


def insert_outbox(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, events: Sequence[Event]) -> None:
    """Adds what projections are told of a snapshot."""
    _insert(connection, "outbox", [(snapshot, event.canonical_json()) for event in events])


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Iterable[tuple[object, ...]]) -> None:
    import pyarrow

    records = list(rows)
    if not records:
        return
    names = [column.split()[0] for column in TABLES[table].split(", ")]
    frame = pyarrow.table({name: [_plain(record[i]) for record in records] for i, name in enumerate(names)})
    connection.register("_rows", frame)
    try:
        listed = ", ".join(names)
        connection.execute(f"INSERT INTO lake.{SCHEMA}.{table} ({listed}) SELECT {listed} FROM _rows")
    finally:
        connection.unregister("_rows")


def _plain(value: object) -> object:
    """A subclass of str (a key, an enumeration) as the plain text that Arrow expects."""
    return str.__str__(value) if isinstance(value, str) else value
