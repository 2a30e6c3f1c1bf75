"""What an auditor sees: the whole next version of a candidate, its change, its base and its parents.

Everything is derived from the candidate's files and the published cut; nothing that the producer
says is read.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ..records.base import Record
from ..records.candidates import CandidateFile, FileRole, Form, Manifest, SchemaColumn
from ..records.keys import AssetKey
from ..records.receipts import Receipt
from ..sql import identifier, literal, one_transaction


@dataclass(frozen=True)
class CandidateView:
    """Relations are texts that can stand after FROM on `connection`.

    `relations` holds every asset as it would be after the publication: candidates built together
    as their next version, everything else as published. `base_receipt` is that of the served
    version, from which the audit only takes what was served and under which contract.
    """

    connection: duckdb.DuckDBPyConnection
    manifest: Manifest
    folder: Path
    next: str
    delta: str
    base: str | None
    relations: Mapping[AssetKey, str]
    base_receipt: Receipt | None

    @property
    def asset(self) -> AssetKey:
        return self.manifest.asset


def next_relation(manifest: Manifest, folder: Path, lake: str = "lake") -> str:
    """Returns the whole next version: the base without the deleted keys, plus the inserted rows.

    `lake` is the catalog that holds the base.
    """
    inserted = delta_relation(manifest, folder)
    listed = ", ".join(identifier(column.name) for column in manifest.columns)
    base = f"{identifier(lake)}.{manifest.asset.quoted}"
    match manifest.form:
        case Form.WHOLE:
            return inserted
        case Form.APPEND:
            kept = f"SELECT {listed} FROM {base}"
        case Form.DELTA | Form.SLICES:
            keys = manifest.files_of(FileRole.DELETE)
            kept = f"SELECT {listed} FROM {base}"
            if keys:
                gone = _parquet(folder, [file.name for file in keys])
                matched = " AND ".join(f"b.{identifier(k)} = g.{identifier(k)}" for k in manifest.key)
                kept = f"SELECT {_prefixed(manifest.columns)} FROM {base} AS b ANTI JOIN {gone} AS g ON {matched}"
    return f"({kept} UNION ALL SELECT {listed} FROM {inserted})"


def delta_relation(manifest: Manifest, folder: Path) -> str:
    """Returns the rows that the candidate inserts."""
    files = manifest.files_of(FileRole.INSERT)
    if files:
        return _parquet(folder, [file.name for file in files])
    listed = ", ".join(f"NULL::{column.type} AS {identifier(column.name)}" for column in manifest.columns)
    return f"(SELECT {listed} LIMIT 0)"


def deleted_relation(manifest: Manifest, folder: Path, lake: str = "lake") -> str:
    """Returns the rows of the base that the candidate deletes."""
    listed = ", ".join(identifier(column.name) for column in manifest.columns)
    base = f"{identifier(lake)}.{manifest.asset.quoted}"
    keys = manifest.files_of(FileRole.DELETE)
    match manifest.form:
        case Form.WHOLE:
            return f"(FROM {base})"
        case Form.DELTA | Form.SLICES if keys:
            gone = _parquet(folder, [file.name for file in keys])
            matched = " AND ".join(f"b.{identifier(k)} = g.{identifier(k)}" for k in manifest.key)
            return f"(SELECT {_prefixed(manifest.columns)} FROM {base} AS b SEMI JOIN {gone} AS g ON {matched})"
        case _:
            return f"(SELECT {listed} FROM {base} LIMIT 0)"


def view_candidate(
    connection: duckdb.DuckDBPyConnection,
    manifest: Manifest,
    folder: Path,
    relations: Mapping[AssetKey, str],
    base_receipt: Receipt | None,
) -> CandidateView:
    """Returns the view of a candidate over the relations that its auditor may see."""
    return CandidateView(
        connection=connection,
        manifest=manifest,
        folder=folder,
        next=relations[manifest.asset],
        delta=delta_relation(manifest, folder),
        base=f"lake.{manifest.asset.quoted}" if manifest.base_version is not None else None,
        relations=relations,
        base_receipt=base_receipt,
    )


def view_served(
    connection: duckdb.DuckDBPyConnection,
    receipt: Receipt,
    relations: Mapping[AssetKey, str],
    folder: Path,
    ledger: Sequence[Record],
    rejected: Sequence[Record],
) -> CandidateView:
    """Returns the served version as if it were a first candidate: the whole table is its change, over no base.

    `folder` is a scratch folder for the records that a raw candidate would have brought along.
    """
    folder.mkdir(parents=True)
    served = relations[receipt.asset]
    shared = set(Manifest.model_fields) & set(Receipt.model_fields) - {"files"}
    manifest = Manifest(
        **{name: getattr(receipt, name) for name in shared}
        | {"form": Form.WHOLE, "base_version": None, "n_inserted": receipt.n_rows, "n_deleted": 0, "slices": ()},
        id=receipt.candidate,
        files=(
            _write_records(folder / "ledger.jsonl", FileRole.LEDGER, ledger),
            _write_records(folder / "quarantine.jsonl", FileRole.QUARANTINE, rejected),
        ),
        created_at=receipt.published_at,
    )
    return CandidateView(connection, manifest, folder, served, served, None, relations, None)


def _write_records(path: Path, role: FileRole, records: Sequence[Record]) -> CandidateFile:
    content = "".join(record.canonical_json() + "\n" for record in records).encode()
    path.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    return CandidateFile(name=path.name, role=role, sha256=sha256, size_bytes=len(content), n_rows=len(records))


def create_views(connection: duckdb.DuckDBPyConnection, relations: Mapping[AssetKey, str]) -> None:
    """Makes every relation readable as `schema.name`, for checks written by people."""
    with one_transaction(connection):
        for schema in sorted({asset.schema for asset in relations}):
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(schema)}")
        for asset, relation in relations.items():
            connection.execute(f"CREATE OR REPLACE VIEW {asset.quoted} AS FROM {relation}")


def _parquet(folder: Path, names: list[str]) -> str:
    return f"read_parquet([{', '.join(literal(str(folder / name)) for name in names)}])"


def _prefixed(columns: tuple[SchemaColumn, ...]) -> str:
    return ", ".join(f"b.{identifier(column.name)}" for column in columns)
