"""Whether a table of landed files says what the published ledger says; read off the ledger anew, line by line."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..lake.history import read_replays, read_retractions, read_stored_ledger
from ..records.declarations import LedgerBuild
from ..records.findings import Finding
from ..records.landed_files import COUNTS, IDENTITY
from ..sql import identifier
from .candidate_view import CandidateView

LEDGER_CHECK = "files_as_recorded"


def check_names(build: object) -> tuple[str, ...]:
    """Returns the names of the checks that a table of landed files gets."""
    return (LEDGER_CHECK,) if isinstance(build, LedgerBuild) else ()


def check_ledger(view: CandidateView) -> Finding:
    """Returns how many lines differ. Files landed since are no fault; nor are counts of files replayed or taken back
    since, which move.
    """
    rows = _rows(view)
    until = max((row["landed_at"] for row in rows), default=None)
    recorded = _recorded(view, until)
    here = Counter(_identity(row) for row in rows)
    there = Counter(_identity(row) for row in recorded)
    n_missing, n_more = (there - here).total(), (here - there).total()
    steady = _steady(view, recorded)
    n_other = sum(1 for row in rows if _identity(row) in steady and _counts(row) not in steady[_identity(row)])
    n_failing = n_missing + n_more + n_other
    said = f"{n_missing} files missing, {n_more} that never landed, {n_other} with other counts than the ledger's"
    return Finding(
        asset=view.asset,
        check=LEDGER_CHECK,
        passed=n_failing == 0,
        measured=n_failing,
        limit=0,
        n_failing=n_failing,
        engine="python",
        message=said if n_failing else f"{len(rows)} lines as the ledger has them",
    )


def _rows(view: CandidateView) -> list[dict[str, Any]]:
    names = (*IDENTITY, *COUNTS, "landed_at")
    listed = ", ".join(identifier(name) for name in names)
    found = view.connection.execute(f"SELECT {listed} FROM {view.next}").fetchall()
    return [dict(zip(names, row, strict=True)) for row in found]


def _recorded(view: CandidateView, until: datetime | None) -> list[dict[str, Any]]:
    lines = read_stored_ledger(view.connection)
    return [line.model_dump(mode="python") for line in lines if until is not None and line.landed_at <= until]


def _steady(
    view: CandidateView, recorded: list[dict[str, Any]]
) -> Mapping[tuple[object, ...], set[tuple[object, ...]]]:
    replayed = read_replays(view.connection)
    retracted = {(item.asset, item.version) for item in read_retractions(view.connection)}
    found: dict[tuple[object, ...], set[tuple[object, ...]]] = {}
    for line in recorded:
        if (line["source"], line["file_sha256"]) not in replayed and (line["asset"], line["version"]) not in retracted:
            found.setdefault(_identity(line), set()).add(_counts(line))
    return found


def _identity(row: Mapping[str, Any]) -> tuple[object, ...]:
    return tuple(str(row[name]) for name in IDENTITY)


def _counts(row: Mapping[str, Any]) -> tuple[object, ...]:
    return tuple(str(row[name]) if isinstance(row[name], str) else row[name] for name in COUNTS)
