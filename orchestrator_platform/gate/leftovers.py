"""Folders of candidates: which wait, which the policy lets go, which a killed run left behind. Removes nothing."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from ..records.candidates import MANIFEST, AssetKind, Manifest
from ..records.keys import AssetKey, CandidateId, Version
from ..records.ledger import QuarantineEntry
from ..records.upkeep import FreedCandidate
from ..settings import Retention
from .scratch import Owned, folder_bytes


def waiting_candidates(entries: Iterable[QuarantineEntry]) -> tuple[QuarantineEntry, ...]:
    """Returns the entries of candidates that wait."""
    return tuple(entry for entry in entries if entry.waits and entry.candidate)


def bases_of(candidates: Path, entries: Iterable[QuarantineEntry]) -> frozenset[tuple[AssetKey, Version]]:
    """Returns the versions on which waiting candidates were made; they are compared with those."""
    found = set()
    for entry in waiting_candidates(entries):
        try:
            manifest = Manifest.model_validate_json((candidates / str(entry.candidate) / MANIFEST).read_bytes())
        except (OSError, ValidationError):
            continue
        if manifest.base_version is not None:
            found.add((manifest.asset, manifest.base_version))
    return frozenset(found)


def freed_candidates(
    candidates: Path,
    entries: Sequence[QuarantineEntry],
    escalated: Collection[CandidateId],
    retention: Retention,
    now: datetime,
) -> tuple[FreedCandidate, ...]:
    """Returns the rejected candidates that are neither among the newest of their asset nor young.

    One that waits for a person, as the lake says, stays, and so does one of a raw table: its files wait in landing.
    """
    by_asset: dict[AssetKey, list[QuarantineEntry]] = {}
    for entry in waiting_candidates(entries):
        by_asset.setdefault(entry.asset, []).append(entry)
    before = now - timedelta(days=retention.rejected_days)
    freed = []
    for waiting in by_asset.values():
        newest_first = sorted(waiting, key=lambda entry: entry.id, reverse=True)
        for entry in newest_first[retention.rejected :]:
            folder = candidates / str(entry.candidate)
            if entry.since >= before or not entry.candidate or entry.candidate in escalated:
                continue
            if not _is_raw(folder):
                freed.append(
                    FreedCandidate(
                        entry=entry.id,
                        asset=entry.asset,
                        candidate=entry.candidate,
                        size_bytes=folder_bytes(folder),
                    )
                )
    return tuple(sorted(freed, key=lambda item: item.entry))


def abandoned_candidates(candidates: Path, entries: Iterable[QuarantineEntry], owned: Owned) -> tuple[Path, ...]:
    """Returns folders that no entry names and that no living process can have made.

    `owned` must have been looked at before the entries were read: then what a process committed before it ended is
    among them. Names of candidates and of workbenches sort by time alike.
    """
    known = {str(entry.candidate) for entry in waiting_candidates(entries)}
    folders = sorted(path for path in candidates.iterdir() if path.is_dir()) if candidates.is_dir() else []
    oldest = min((folder.name for folder in owned.living), default=None)
    return tuple(folder for folder in folders if folder.name not in known and (oldest is None or folder.name < oldest))


def _is_raw(folder: Path) -> bool:
    """Whether it is of a raw table, or cannot be read, and so may be."""
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_bytes()).kind is AssetKind.RAW
    except ValidationError:
        return True
    except FileNotFoundError:
        return False
