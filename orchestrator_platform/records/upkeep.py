"""What upkeep found and did: what can be freed, what is wrong with a home, what a backup holds."""

from datetime import datetime
from enum import StrEnum

from .base import Record
from .keys import AgentName, AssetKey, CandidateId, Snapshot, Version


class FreedVersion(Record):
    """A version whose rows can no longer be read afterwards; its receipt stays."""

    asset: AssetKey
    version: Version


class FreedCandidate(Record):
    """A rejected candidate whose files go; its entry is closed, and its fingerprint still counts as rejected."""

    entry: int
    asset: AssetKey
    candidate: CandidateId
    size_bytes: int


class FreedFolder(Record):
    """What a killed run left behind, a copy that serves nobody any more, or vectors of an embedder that the project
    does not declare, by its path below the home.
    """

    name: str
    size_bytes: int


class GcPlan(Record):
    """What `gc` frees. `expired` are the snapshots that go, `files` what only they show.

    `due` is what earlier runs gave up and nobody can be reading any more; `orphans` are files that no snapshot
    ever showed. `compacted` are tables of many files, written anew as one with the same rows.
    """

    expired: tuple[Snapshot, ...] = ()
    versions: tuple[FreedVersion, ...] = ()
    n_versions_kept: int = 0
    n_files: int = 0
    size_bytes: int = 0
    n_due: int = 0
    due_bytes: int = 0
    n_orphans: int = 0
    orphan_bytes: int = 0
    candidates: tuple[FreedCandidate, ...] = ()
    folders: tuple[FreedFolder, ...] = ()
    compacted: tuple[AssetKey, ...] = ()
    merges: bool = False

    @property
    def changes_nothing(self) -> bool:
        """Whether there is nothing to do."""
        lists = (self.expired, self.candidates, self.folders, self.compacted)
        return not (any(lists) or self.n_due or self.n_orphans or self.merges)


class Collected(Record):
    """What a run of `gc` did. `freed_bytes` are gone; `later_bytes` go once nobody can be reading them any more.

    `rehashed` are versions that were read again afterwards and hold what their receipts say.
    """

    plan: GcPlan
    freed_bytes: int
    later_bytes: int
    rehashed: tuple[FreedVersion, ...]


class Severity(StrEnum):
    """ERROR: something is lost, wrong or stopped. WARN: it will be. NOTE: good to know, nothing to do."""

    ERROR = "error"
    WARN = "warn"
    NOTE = "note"


class Ailment(Record):
    """One thing that is wrong: with what, how much it matters, and the command to run. `fix` says what `--fix` does."""

    check: str
    severity: Severity
    culprit: str
    problem: str
    command: str = ""
    fix: str = ""
    fixed: bool = False


BACKUP_FORMAT = 1


class BackedUpFile(Record):
    """A file of the home by its path below it; size and time tell whether it must be read again."""

    path: str
    sha256: str
    size_bytes: int
    mtime_ns: int
    mode: int


class Backup(Record):
    """One backup. Files of equal bytes are kept once, under their hash."""

    format: int = BACKUP_FORMAT
    home_format: int
    snapshot: Snapshot | None
    taken_at: datetime
    by: AgentName
    files: tuple[BackedUpFile, ...]

    def holds_what(self, other: "Backup") -> bool:
        """Whether both hold the same files."""
        return (self.snapshot, self.home_format, self.files) == (other.snapshot, other.home_format, other.files)
