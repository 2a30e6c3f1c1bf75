"""Reads a candidate that waits in quarantine, for people: its whole next version, which nobody approved.

Readers never come here by accident: the candidate must be asked for by its number.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from ..audits.candidate_view import create_views, next_relation
from ..errors import Misuse, NoCandidate, UnknownVersion, VersionNotKept
from ..gate.candidate import load_manifest
from ..lake.history import read_quarantine, read_receipt
from ..lake.published import PublishedCut
from ..lake.readers import attach_statement
from ..records.candidates import Manifest
from ..records.keys import AssetKey, Version
from ..records.ledger import QuarantineEntry, QuarantineKind
from ..records.receipts import Receipt
from ..transforming.statement_check import check_query

PREFIX = "candidate:"
_BASE = "candidate_base"


@dataclass(frozen=True)
class CandidateCut:
    """The candidate of one quarantine entry in the place of its asset, everything else as it serves."""

    cut: PublishedCut
    entry: QuarantineEntry
    manifest: Manifest
    folder: Path

    @property
    def asset(self) -> AssetKey:
        return self.manifest.asset

    @property
    def warning(self) -> str:
        """What whoever looks at it must be told."""
        base = f"version {self.manifest.base_version}" if self.manifest.base_version is not None else "no version"
        return (
            f"unaudited: {self.asset} is candidate {self.entry.id} here, made on {base} and approved by no audit;"
            " every other table is as it serves."
        )

    def read(self) -> duckdb.DuckDBPyRelation:
        """Returns the candidate's whole next version as a lazy relation."""
        return self._connect().sql(f"SELECT * FROM {self.asset.quoted}")

    def query(self, sql: str, parameters: list[Any] | None = None) -> duckdb.DuckDBPyRelation:
        """Returns the result of one SELECT over `schema.table` names.

        Raises:
            StatementRefused: It is not one SELECT, or it reads something else than tables.
        """
        check_query(sql, "the query")
        connection = self._connect()
        return connection.sql(sql, params=parameters) if parameters else connection.sql(sql)

    def _connect(self) -> duckdb.DuckDBPyConnection:
        connection = self.cut.connect()
        connection.execute("SET TimeZone = 'UTC'")
        create_views(connection, {**self.cut.relations(), self.asset: attach_candidate(connection, self)})
        return connection


def open_candidate(cut: PublishedCut, candidates: Path, number: int) -> CandidateCut:
    """Returns the candidate of a quarantine entry, its files compared with its manifest.

    Raises:
        NoCandidate: There is no such entry, it holds addresses of rows, or its files are gone.
        CandidateDamaged: A file is not what the manifest says.
    """
    entry = _entry(cut, number)
    show = f"orchestrator quarantine show {number}"
    if entry.kind is not QuarantineKind.CANDIDATE or entry.candidate is None:
        why = f"entry {number} holds rows of landed files by their addresses, not a table"
        raise NoCandidate(entry=number, why=why, look=show)
    folder = candidates / entry.candidate
    if not folder.is_dir():
        why = f"the files of the candidate of {entry.asset} ({entry.state}) are not there any more"
        raise NoCandidate(entry=number, why=why, look=show)
    return CandidateCut(cut, entry, load_manifest(candidates, entry.candidate), folder)


def parse_candidate(name: str) -> tuple[int, str]:
    """Returns number and asset of `candidate:7/marts.triage`; the asset is empty where only the number stands.

    Raises:
        Misuse: It is written in another way.
    """
    number, _, asset = name.removeprefix(PREFIX).partition("/")
    if not name.startswith(PREFIX) or not (number.isascii() and number.isdigit()):
        raise Misuse(
            f"{name!r} is no candidate. Write its number in quarantine, as in {PREFIX}7 or {PREFIX}7/marts.orders."
            " Look: `orchestrator quarantine list`."
        )
    return int(number), asset


def require_asset(candidate: CandidateCut, asset: str) -> None:
    """Raises NoCandidate where the candidate is another asset's."""
    if candidate.asset != asset:
        number = candidate.entry.id
        why = f"entry {number} is a candidate of {candidate.asset}, not of {asset}"
        raise NoCandidate(entry=number, why=why, look=f"orchestrator quarantine show {number}")


def attach_candidate(connection: duckdb.DuckDBPyConnection, candidate: CandidateCut) -> str:
    """Attaches the candidate's own base and returns its whole next version, as what can stand after FROM.

    Raises:
        VersionNotKept: The base is not in the lake any more.
    """
    manifest = candidate.manifest
    if manifest.base_version is not None:
        attach_version(connection, candidate.cut, receipt_of(connection, manifest.asset, manifest.base_version), _BASE)
    return next_relation(manifest, candidate.folder, _BASE)


def attach_version(connection: duckdb.DuckDBPyConnection, cut: PublishedCut, receipt: Receipt, alias: str) -> None:
    """Attaches the lake as it was when this version was published.

    Raises:
        VersionNotKept: The lake does not hold that snapshot any more.
    """
    kept = connection.execute("SELECT 1 FROM lake.snapshots() WHERE snapshot_id = ?", [receipt.snapshot]).fetchall()
    if not kept:
        raise VersionNotKept(asset=receipt.asset, version=receipt.version)
    connection.execute(attach_statement(cut.layout, receipt.snapshot, alias))


def receipt_of(connection: duckdb.DuckDBPyConnection, asset: AssetKey, version: int) -> Receipt:
    """Returns the receipt of one version.

    Raises:
        UnknownVersion: The asset has no such version.
    """
    receipt = read_receipt(connection, asset, Version(version))
    if receipt is None:
        raise UnknownVersion(asset=asset, version=version)
    return receipt


def _entry(cut: PublishedCut, number: int) -> QuarantineEntry:
    connection = cut.connect()
    try:
        found = next((entry for entry in read_quarantine(connection) if entry.id == number), None)
    finally:
        connection.close()
    if found is None:
        raise NoCandidate(
            entry=number, why="quarantine holds nothing of that number", look="orchestrator quarantine list"
        )
    return found
