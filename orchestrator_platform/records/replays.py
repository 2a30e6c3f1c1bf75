"""Rows of landed files that were published later than their file: what each replay moved, and how a ledger line stands.

Ledger lines are never rewritten. What was replayed, and what was taken back, is added when they are read.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from .base import Record
from .keys import AssetKey, Version
from .ledger import FileState, LedgerEntry


class Replay(Record):
    """Rows of one file that `version` brought out of a quarantine entry.

    `part` is the version that brought these rows first: this one, unless they were taken back in between. The file
    holds `n_rows` as it was read then, of which `n_quarantined` were left under an address.
    """

    source: str
    asset: AssetKey
    file_sha256: str
    entry: int
    part: Version
    version: Version
    n_rows: int
    n_published: int
    n_quarantined: int


@dataclass(frozen=True)
class Part:
    """Rows of one file that came together. Each of `versions` brought them: they serve while one is not retracted."""

    source: str
    asset: AssetKey
    file_sha256: str
    first: Version
    versions: frozenset[Version]
    n_rows: int

    def serves(self, retracted: Collection[tuple[AssetKey, Version]]) -> bool:
        return any((self.asset, version) not in retracted for version in self.versions)

    def touches(self, nodes: Collection[tuple[AssetKey, Version]]) -> bool:
        """Whether one of these versions brought them."""
        return any((self.asset, version) in nodes for version in self.versions)


def parts_of(line: LedgerEntry, replays: Sequence[Replay]) -> tuple[Part, ...]:
    """Returns the parts in which a file's rows were published; `line` is as it is stored."""
    rows: dict[Version, int] = {}
    versions: dict[Version, set[Version]] = {}
    if line.n_published and line.version is not None:
        rows[line.version], versions[line.version] = line.n_published, {line.version}
    for replay in replays:
        rows.setdefault(replay.part, replay.n_published)
        versions.setdefault(replay.part, set()).add(replay.version)
    return tuple(
        Part(line.source, line.asset, line.file_sha256, first, frozenset(versions[first]), n_rows)
        for first, n_rows in rows.items()
    )


def addressed_rows(line: LedgerEntry, replays: Sequence[Replay]) -> int:
    """Returns how many rows of a file wait, or were discarded, under an address of their own."""
    return replays[-1].n_quarantined if replays else line.n_quarantined


def standing(
    line: LedgerEntry, replays: Sequence[Replay], retracted: Collection[tuple[AssetKey, Version]]
) -> LedgerEntry:
    """Returns the line as it counts now; its version is the newest that serves rows of it, else that brought any."""
    n_rows = replays[-1].n_rows if replays else line.n_rows
    if line.state is FileState.DUPLICATE:
        return line.model_copy(update={"n_rows": n_rows, "n_duplicate": n_rows}) if replays else line
    parts = parts_of(line, replays)
    if not parts:
        return line
    serving = [part for part in parts if part.serves(retracted)]
    n_published = sum(part.n_rows for part in serving)
    shown = [(part.asset, v) for part in serving for v in part.versions if (part.asset, v) not in retracted]
    every = [(part.asset, version) for part in parts for version in part.versions]
    change = {
        "state": FileState.LANDED if len(serving) == len(parts) else FileState.RETRACTED,
        "n_rows": n_rows,
        "n_published": n_published,
        "n_quarantined": n_rows - n_published,
        "version": max(version for _, version in shown or every),
    }
    return line.model_copy(update=change)
