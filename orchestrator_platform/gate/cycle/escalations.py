"""Which of the candidates that wait ask a person, and which of those a person can still answer."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ...lake.history import read_escalated
from ...records.candidates import MANIFEST
from ...records.keys import AssetKey, CandidateId
from ...records.ledger import QuarantineEntry
from ...records.receipts import Head


@dataclass(frozen=True)
class Escalations:
    """Entries that ask a person: `open` can be approved, `void` cannot any more.

    Void is what was built on a version that does not serve now, or whose files are gone: nobody can
    answer it, so it holds nothing back.
    """

    open: tuple[QuarantineEntry, ...] = ()
    void: tuple[QuarantineEntry, ...] = ()

    @property
    def by_input(self) -> dict[tuple[AssetKey, str], int]:
        """Asset and fingerprint of each open one, with its number."""
        return {(entry.asset, entry.fingerprint): entry.id for entry in self.open}

    @property
    def by_asset(self) -> dict[AssetKey, int]:
        """The newest open number of each asset."""
        return {entry.asset: entry.id for entry in self.open}


def find_escalations(
    connection: duckdb.DuckDBPyConnection,
    entries: Collection[QuarantineEntry],
    heads: Mapping[AssetKey, Head],
    candidates: Path,
) -> Escalations:
    """Returns the escalated candidates among the entries, as the lake records their verdicts."""
    waiting = [entry for entry in entries if entry.waits and entry.candidate is not None]
    asked = read_escalated(connection, [entry.candidate for entry in waiting if entry.candidate])
    escalated = [entry for entry in waiting if entry.candidate in asked]
    answerable = {entry.id for entry in escalated if _stands_on_head(entry, heads, candidates)}
    return Escalations(
        open=tuple(entry for entry in escalated if entry.id in answerable),
        void=tuple(entry for entry in escalated if entry.id not in answerable),
    )


def _stands_on_head(entry: QuarantineEntry, heads: Mapping[AssetKey, Head], candidates: Path) -> bool:
    head = heads.get(entry.asset)
    try:
        manifest = json.loads((candidates / CandidateId(entry.candidate or "") / MANIFEST).read_bytes())
        return bool(manifest["base_version"] == (head.version if head else None))
    except (OSError, ValueError, KeyError, TypeError):
        return False
