"""What the platform's own tables say: heads, receipts, ledger, quarantine, retractions. Reads any attached lake."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any

import duckdb

from ..records.base import sha256_of
from ..records.events import Event
from ..records.keys import AssetKey, CandidateId, Snapshot, Version
from ..records.ledger import FileState, LedgerEntry, QuarantineEntry, RowAddress
from ..records.receipts import Head, Receipt
from ..records.replays import Part, Replay, parts_of, standing
from ..records.retractions import Release, Retraction
from ..sql import literal
from .platform_tables import SCHEMA, may_have_rows


def read_heads(connection: duckdb.DuckDBPyConnection) -> dict[AssetKey, Head]:
    """Returns the served version of each asset."""
    rows = connection.execute(f"SELECT head FROM lake.{SCHEMA}.heads ORDER BY asset").fetchall()
    heads = [Head.model_validate_json(row[0]) for row in rows]
    return {head.asset: head for head in heads}


def read_receipts(
    connection: duckdb.DuckDBPyConnection, asset: AssetKey, until: Version | None = None, limit: int | None = None
) -> tuple[Receipt, ...]:
    """Returns the asset's receipts, newest first; with `until` none of later versions, at most `limit` of them."""
    rows = connection.execute(
        f"SELECT receipt FROM lake.{SCHEMA}.receipts WHERE asset = ? AND version <= ? ORDER BY version DESC LIMIT ?",
        [asset, until if until is not None else 2**62, limit if limit is not None else 2**62],
    ).fetchall()
    return tuple(Receipt.model_validate_json(row[0]) for row in rows)


def read_receipt(
    connection: duckdb.DuckDBPyConnection, asset: AssetKey, version: Version | None = None
) -> Receipt | None:
    """Returns one receipt, by default the newest; `None` where there is none."""
    # No bound parameter here and where a version is looked up: the first one in a process imports pandas, and whoever
    # searches waits for it.
    which = "" if version is None else f" AND version = {int(version)}"
    rows = connection.execute(
        f"SELECT receipt FROM lake.{SCHEMA}.receipts WHERE asset = {literal(asset)}{which}"
        " ORDER BY version DESC LIMIT 1"
    ).fetchall()
    return Receipt.model_validate_json(rows[0][0]) if rows else None


def read_receipts_at(
    connection: duckdb.DuckDBPyConnection, versions: Collection[tuple[AssetKey, Version]]
) -> dict[tuple[AssetKey, Version], Receipt]:
    """Returns the receipts of these versions in one query; those that are not there are left out."""
    if not versions:
        return {}
    # No bound values, as where one receipt is read.
    listed = ", ".join(f"({literal(asset)}, {int(version)})" for asset, version in versions)
    rows = connection.execute(
        f"SELECT receipt FROM lake.{SCHEMA}.receipts WHERE (asset, version) IN ({listed})"
    ).fetchall()
    receipts = [Receipt.model_validate_json(row[0]) for row in rows]
    return {(receipt.asset, receipt.version): receipt for receipt in receipts}


def read_versions_of(
    connection: duckdb.DuckDBPyConnection, candidates: Collection[CandidateId]
) -> dict[CandidateId, Version]:
    """Returns the version as which each candidate was published; those that never were are left out."""
    if not candidates:
        return {}
    listed = ", ".join(map(literal, candidates))
    rows = connection.execute(
        f"SELECT candidate, version FROM lake.{SCHEMA}.receipts WHERE candidate IN ({listed})"
    ).fetchall()
    return {CandidateId(row[0]): Version(row[1]) for row in rows}


def read_quarantine_entry(connection: duckdb.DuckDBPyConnection, number: int) -> QuarantineEntry | None:
    """Returns one entry, `None` where there is none of that number."""
    return next((entry for entry in read_quarantine(connection) if entry.id == number), None)


def read_events_of(connection: duckdb.DuckDBPyConnection, candidate: CandidateId) -> tuple[Event, ...]:
    """Returns the committed events that name the candidate among their inputs, oldest first."""
    rows = connection.execute(
        f"SELECT event FROM lake.{SCHEMA}.outbox"
        " WHERE json_extract_string(event, '$.inputs.candidate') = ? ORDER BY snapshot",
        [candidate],
    ).fetchall()
    return tuple(Event.model_validate_json(row[0]) for row in rows)


def read_escalated(
    connection: duckdb.DuckDBPyConnection, candidates: Collection[CandidateId]
) -> frozenset[CandidateId]:
    """Returns those of the candidates whose newest audit asks a person."""
    if not candidates:
        return frozenset()
    # No bound values, as where one receipt is read.
    listed = ", ".join(map(literal, candidates))
    rows = connection.execute(
        f"SELECT json_extract_string(event, '$.inputs.candidate') AS candidate FROM lake.{SCHEMA}.outbox"
        f" WHERE json_extract_string(event, '$.act') = 'audit' AND candidate IN ({listed}) GROUP BY candidate"
        " HAVING arg_max(json_extract_string(event, '$.outcome'), snapshot) = 'escalate'"
    ).fetchall()
    return frozenset(CandidateId(row[0]) for row in rows)


def read_asking_events(connection: duckdb.DuckDBPyConnection) -> tuple[Event, ...]:
    """Returns the committed events by which something was asked of a person, or answered, oldest first."""
    rows = connection.execute(
        f"SELECT event FROM lake.{SCHEMA}.outbox"
        " WHERE json_extract_string(event, '$.act') = 'ask'"
        " OR (json_extract_string(event, '$.act') = 'approve' AND json_extract(event, '$.inputs.ask') IS NOT NULL)"
        " ORDER BY snapshot, json_extract_string(event, '$.id')"
    ).fetchall()
    return tuple(Event.model_validate_json(row[0]) for row in rows)


def read_receipts_after(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot) -> tuple[Receipt, ...]:
    """Returns all receipts of later snapshots than this one, oldest first."""
    rows = connection.execute(
        f"SELECT receipt FROM lake.{SCHEMA}.receipts WHERE snapshot > ? ORDER BY snapshot, asset", [snapshot]
    ).fetchall()
    return tuple(Receipt.model_validate_json(row[0]) for row in rows)


def read_compacted_after(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot) -> frozenset[AssetKey]:
    """Returns the assets that were compacted in later snapshots than this one."""
    rows = connection.execute(
        f"SELECT json_extract_string(event, '$.subject') FROM lake.{SCHEMA}.outbox"
        f" WHERE snapshot > {int(snapshot)} AND json_extract_string(event, '$.act') = 'compact'"
    ).fetchall()
    return frozenset(AssetKey(row[0]) for row in rows)


def read_retractions(connection: duckdb.DuckDBPyConnection) -> tuple[Retraction, ...]:
    """Returns every version that is taken back, by asset and version."""
    if not may_have_rows(connection, "retracted"):
        return ()
    cursor = connection.execute(f"SELECT * FROM lake.{SCHEMA}.retracted ORDER BY asset, version, cause")
    return tuple(Retraction.model_validate(row) for row in _dictionaries(cursor))


def read_releases(connection: duckdb.DuckDBPyConnection) -> tuple[Release, ...]:
    """Returns every release, oldest first."""
    if not may_have_rows(connection, "releases"):
        return ()
    cursor = connection.execute(f"SELECT * FROM lake.{SCHEMA}.releases ORDER BY released_at, name")
    return tuple(Release.model_validate(row) for row in _dictionaries(cursor))


def read_snapshots(connection: duckdb.DuckDBPyConnection) -> tuple[Snapshot, ...]:
    """Returns the snapshots that can still be read, oldest first."""
    rows = connection.execute("SELECT snapshot_id FROM lake.snapshots() ORDER BY 1").fetchall()
    return tuple(Snapshot(row[0]) for row in rows)


def read_snapshot_of(connection: duckdb.DuckDBPyConnection, receipt: Receipt) -> Snapshot | None:
    """Returns the first snapshot left that shows this version, `None` where its rows are not kept any more."""
    row = connection.execute(
        f"SELECT min(snapshot) FROM lake.{SCHEMA}.receipts"
        f" WHERE asset = {literal(receipt.asset)} AND snapshot > {int(receipt.snapshot)}"
    ).fetchone()
    until = row[0] if row else None
    shown = (s for s in read_snapshots(connection) if s >= receipt.snapshot and (until is None or s < until))
    return next(shown, None)


def kept_snapshots(connection: duckdb.DuckDBPyConnection) -> frozenset[Snapshot]:
    """Returns the snapshots that must stay readable whatever the retention policy says: those of releases."""
    return frozenset(release.snapshot for release in read_releases(connection))


def read_parts(connection: duckdb.DuckDBPyConnection, asset: AssetKey | None = None) -> tuple[Part, ...]:
    """Returns the rows of landed files in the parts in which they were published, taken back or not."""
    replays = read_replays(connection)
    return tuple(
        part
        for line in read_stored_ledger(connection)
        if line.state is not FileState.DUPLICATE and asset in (None, line.asset)
        for part in parts_of(line, replays.get((line.source, line.file_sha256), ()))
    )


def read_replays(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], list[Replay]]:
    """Returns by source and sha256 of a file what was published of it out of quarantine, oldest first."""
    found: dict[tuple[str, str], list[Replay]] = {}
    if may_have_rows(connection, "replays"):
        cursor = connection.execute(f"SELECT * FROM lake.{SCHEMA}.replays ORDER BY version, part")
        for row in _dictionaries(cursor):
            replay = Replay.model_validate(row)
            found.setdefault((replay.source, replay.file_sha256), []).append(replay)
    return found


def read_stored_ledger(connection: duckdb.DuckDBPyConnection, source: str | None = None) -> tuple[LedgerEntry, ...]:
    """Returns the ledger as it was written, before anything was replayed or taken back, in the order of landing."""
    where = "WHERE source = ?" if source else ""
    cursor = connection.execute(
        f"SELECT * FROM lake.{SCHEMA}.ledger {where} ORDER BY landed_at, file", [source] if source else []
    )
    return tuple(LedgerEntry.model_validate(row) for row in _dictionaries(cursor))


def read_ledger(connection: duckdb.DuckDBPyConnection, source: str | None = None) -> tuple[LedgerEntry, ...]:
    """Returns the ledger in the order of landing, as it stands: with what was replayed, and what was taken back."""
    replays = read_replays(connection)
    retracted = frozenset((item.asset, item.version) for item in read_retractions(connection))
    return tuple(
        standing(line, replays.get((line.source, line.file_sha256), ()), retracted)
        for line in read_stored_ledger(connection, source)
    )


def read_ledger_state(connection: duckdb.DuckDBPyConnection) -> str:
    """Returns what stands for the ledger as it stands, with replays and what was taken back of its tables; empty for an
    empty one.
    """
    found = []
    landed = f"WHERE t.asset IN (SELECT asset FROM lake.{SCHEMA}.ledger)"
    for table, of_landed in {"ledger": "", "replays": "", "retracted": landed}.items():
        if may_have_rows(connection, table):
            query = f"SELECT count(*), sum(hash(t)) FROM lake.{SCHEMA}.{table} AS t {of_landed}"
            n_rows, hashed = connection.execute(query).fetchone() or (0, None)
            found += [[table, str(n_rows), str(hashed)]] if n_rows else []
    return sha256_of(found) if found else ""


def read_last_landings(connection: duckdb.DuckDBPyConnection) -> dict[AssetKey, datetime]:
    """Returns for each raw table when a landing last brought it rows that are not taken back since."""
    rows = connection.execute(
        f"SELECT asset, version, max(landed_at) AS landed_at FROM lake.{SCHEMA}.ledger"
        " WHERE n_published > 0 GROUP BY asset, version ORDER BY landed_at"
    ).fetchall()
    taken_back = {(item.asset, item.version) for item in read_retractions(connection)}
    return {AssetKey(row[0]): row[2] for row in rows if (row[0], row[1]) not in taken_back}


def read_quarantine(connection: duckdb.DuckDBPyConnection) -> tuple[QuarantineEntry, ...]:
    """Returns every entry, oldest first."""
    if not may_have_rows(connection, "quarantine"):
        return ()
    cursor = connection.execute(f"SELECT * FROM lake.{SCHEMA}.quarantine ORDER BY id")
    return tuple(
        QuarantineEntry.model_validate(row | {"reasons": json.loads(row["reasons"])}) for row in _dictionaries(cursor)
    )


def read_files_refused(connection: duckdb.DuckDBPyConnection) -> frozenset[int]:
    """Returns the numbers of the entries that hold a landed file as a whole."""
    rows = connection.execute(f"SELECT DISTINCT id FROM lake.{SCHEMA}.quarantine_rows WHERE line IS NULL").fetchall()
    return frozenset(row[0] for row in rows)


def read_quarantined_rows(
    connection: duckdb.DuckDBPyConnection, entry: int, limit: int | None = None
) -> tuple[RowAddress, ...]:
    """Returns an entry's addresses in the order of file and line."""
    cursor = connection.execute(
        f"SELECT * EXCLUDE (id) FROM lake.{SCHEMA}.quarantine_rows WHERE id = ? ORDER BY file, line, rule LIMIT ?",
        [entry, limit if limit is not None else 2**62],
    )
    return tuple(RowAddress.model_validate(row) for row in _dictionaries(cursor))


def read_outbox(
    connection: duckdb.DuckDBPyConnection, after: Snapshot | None = None
) -> tuple[tuple[Snapshot, Event], ...]:
    """Returns what was committed after a snapshot, oldest first."""
    rows = connection.execute(
        f"SELECT snapshot, event FROM lake.{SCHEMA}.outbox WHERE snapshot > ? ORDER BY snapshot", [after or 0]
    ).fetchall()
    return tuple((Snapshot(row[0]), Event.model_validate_json(row[1])) for row in rows)


def _dictionaries(cursor: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
