"""What the platform's own tables say: heads, receipts, ledger, quarantine. Reads any attached lake."""

import json
from collections.abc import Collection
from typing import Any

import duckdb

from ..records.events import Event
from ..records.keys import AssetKey, CandidateId, Snapshot, Version
from ..records.ledger import LedgerEntry, QuarantineEntry, QuarantineState, RowAddress
from ..records.receipts import Head, Receipt
from .platform_tables import SCHEMA


def read_heads(connection: duckdb.DuckDBPyConnection) -> dict[AssetKey, Head]:
    """Returns the served version of each asset."""
    rows = connection.execute(f"SELECT head FROM lake.{SCHEMA}.heads ORDER BY asset").fetchall()
    heads = [Head.model_validate_json(row[0]) for row in rows]
    return {head.asset: head for head in heads}


def read_receipts(connection: duckdb.DuckDBPyConnection, asset: AssetKey) -> tuple[Receipt, ...]:
    """Returns the asset's receipts, newest first."""
    rows = connection.execute(
        f"SELECT receipt FROM lake.{SCHEMA}.receipts WHERE asset = ? ORDER BY version DESC", [asset]
    ).fetchall()
    return tuple(Receipt.model_validate_json(row[0]) for row in rows)


def read_receipt(
    connection: duckdb.DuckDBPyConnection, asset: AssetKey, version: Version | None = None
) -> Receipt | None:
    """Returns one receipt, by default the newest; `None` where there is none."""
    rows = connection.execute(
        f"SELECT receipt FROM lake.{SCHEMA}.receipts WHERE asset = ? AND (? IS NULL OR version = ?)"
        " ORDER BY version DESC LIMIT 1",
        [asset, version, version],
    ).fetchall()
    return Receipt.model_validate_json(rows[0][0]) if rows else None


def read_receipts_at(
    connection: duckdb.DuckDBPyConnection, versions: Collection[tuple[AssetKey, Version]]
) -> dict[tuple[AssetKey, Version], Receipt]:
    """Returns the receipts of these versions in one query; those that are not there are left out."""
    if not versions:
        return {}
    listed = ", ".join("(?, ?)" for _ in versions)
    rows = connection.execute(
        f"SELECT receipt FROM lake.{SCHEMA}.receipts WHERE (asset, version) IN ({listed})",
        [value for pair in versions for value in pair],
    ).fetchall()
    receipts = [Receipt.model_validate_json(row[0]) for row in rows]
    return {(receipt.asset, receipt.version): receipt for receipt in receipts}


def read_versions_of(
    connection: duckdb.DuckDBPyConnection, candidates: Collection[CandidateId]
) -> dict[CandidateId, Version]:
    """Returns the version as which each candidate was published; those that never were are left out."""
    if not candidates:
        return {}
    listed = ", ".join("?" for _ in candidates)
    rows = connection.execute(
        f"SELECT candidate, version FROM lake.{SCHEMA}.receipts WHERE candidate IN ({listed})", list(candidates)
    ).fetchall()
    return {CandidateId(row[0]): Version(row[1]) for row in rows}


def read_quarantine_state(connection: duckdb.DuckDBPyConnection, number: int) -> QuarantineState | None:
    """Returns the state of one entry, `None` where there is none of that number."""
    rows = connection.execute(f"SELECT state FROM lake.{SCHEMA}.quarantine WHERE id = ?", [number]).fetchall()
    return QuarantineState(rows[0][0]) if rows else None


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
    """Returns those of the candidates whose auditor asked a person."""
    if not candidates:
        return frozenset()
    listed = ", ".join("?" for _ in candidates)
    rows = connection.execute(
        f"SELECT json_extract_string(event, '$.inputs.candidate') AS candidate FROM lake.{SCHEMA}.outbox"
        " WHERE json_extract_string(event, '$.act') = 'audit'"
        f" AND json_extract_string(event, '$.outcome') = 'escalate' AND candidate IN ({listed})",
        list(candidates),
    ).fetchall()
    return frozenset(CandidateId(row[0]) for row in rows)


def read_ledger(connection: duckdb.DuckDBPyConnection, source: str | None = None) -> tuple[LedgerEntry, ...]:
    """Returns the ledger in the order of landing."""
    where = "WHERE source = ?" if source else ""
    cursor = connection.execute(
        f"SELECT * FROM lake.{SCHEMA}.ledger {where} ORDER BY landed_at, file", [source] if source else []
    )
    return tuple(LedgerEntry.model_validate(row) for row in _dictionaries(cursor))


def read_quarantine(connection: duckdb.DuckDBPyConnection) -> tuple[QuarantineEntry, ...]:
    """Returns every entry, oldest first."""
    cursor = connection.execute(f"SELECT * FROM lake.{SCHEMA}.quarantine ORDER BY id")
    return tuple(
        QuarantineEntry.model_validate(row | {"reasons": json.loads(row["reasons"])}) for row in _dictionaries(cursor)
    )


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
