"""Copies a home to another place while it is at work: the use case behind `orchestrator backup`.

The order makes the copy whole: what waits is copied first, then the catalog as of one instant, then what the catalog
names, which nobody deletes meanwhile. What became true after that instant is in the next backup.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..audits.raw_checks import archived_path
from ..authority.acts import Act
from ..errors import Fault, Misuse
from ..gate.context import utc_now
from ..gate.leftovers import waiting_candidates
from ..home_format import read_home_format
from ..lake.catalog import bring_home, copy_catalog, forget_scheduled, open_catalog, read_files
from ..lake.history import read_ledger, read_quarantine
from ..lake.layout import LakeLayout
from ..lake.lock import writer_lock
from ..lake.readers import connect_reader, latest_snapshot
from ..projections.journal import journal_file
from ..records.candidates import MANIFEST
from ..records.keys import AgentName
from ..records.ledger import FileState
from ..records.upkeep import BackedUpFile, Backup
from ..settings import Home, Settings
from .backup_store import BackupStore, Copied
from .caretaking import require_caretaker

_CATALOG = "lake/catalog.sqlite"
_ATTEMPTS = 3


@dataclass(frozen=True)
class BackedUp:
    """A backup by its name, and what had to be copied for it; nothing, where nothing changed since the one named."""

    name: str
    backup: Backup
    is_new: bool
    n_copied: int
    copied_bytes: int

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.backup.files)


def back_up(settings: Settings, to: Path, *, by: str = "", now: Callable[[], datetime] = utc_now) -> BackedUp:
    """Copies what is new and returns the backup.

    Args:
        by: The person or agent who does it; without a name it is the agent that may.

    Raises:
        NotPermitted: No agent may; a person may.
        Misuse: The place cannot hold a backup of this home, or the home holds nothing.
        LockTimeout: `gc` or another backup was at work for too long.
        Fault: A file that the catalog names is missing.
    """
    agent = require_caretaker(settings.project, Act.BACKUP, by)
    home, store = settings.home, BackupStore(to.expanduser().resolve())
    if settings.over is not None:
        raise Misuse(
            f"{home.root} lies over {settings.over} and holds but a part. Nothing was copied. Back that one up."
        )
    layout = LakeLayout(home.lake)
    if not layout.catalog.exists():
        raise Misuse(f"{home.root} holds nothing yet. Nothing was copied. Land files: `orchestrator land`.")
    store.open_for_writing(home.root)
    with writer_lock(layout.upkeep_lock, settings.lock_timeout_seconds):
        with writer_lock(layout.lock, settings.lock_timeout_seconds):
            bring_home(layout)
        names = store.names()
        before = store.load(names[-1]) if names else None
        copied = Copied()
        taken = _Copying(home, store, copied, {file.path: file for file in before.files} if before else {})
        backup = taken.copy_all(agent, now())
    if before is not None and backup.holds_what(before):
        return BackedUp(names[-1], before, False, 0, 0)
    return BackedUp(store.save(backup), backup, True, copied.n_files, copied.size_bytes)


def verify(place: Path) -> tuple[str, Backup]:
    """Reads every file of the newest backup again, and returns its name.

    Raises:
        Misuse: There is no backup.
        BackupDamaged: A file is missing or has other bytes than were copied.
    """
    store = BackupStore(place.expanduser().resolve())
    names = store.names()
    backup = store.load(names[-1] if names else "")
    for file in backup.files:
        store.check(file)
    return names[-1], backup


@dataclass(frozen=True)
class _Copying:
    home: Home
    store: BackupStore
    copied: Copied
    known: dict[str, BackedUpFile]

    def copy_all(self, agent: AgentName, at: datetime) -> Backup:
        for _ in range(_ATTEMPTS):
            with tempfile.TemporaryDirectory(prefix="orchestrator-backup-") as scratch:
                # A backup's catalog is read as a reader reads: from a folder where nobody writes.
                copy = LakeLayout(Path(scratch))
                files = {file.path: file for file in self._waiting()}
                copy_catalog(LakeLayout(self.home.lake).catalog, copy.readers)
                forget_scheduled(copy.readers)
                files |= {file.path: file for file in self._named(copy)}
                if self._is_whole(copy, files):
                    snapshot = latest_snapshot(copy.readers)
                    listed = tuple(files[path] for path in sorted(files))
                    return Backup(
                        home_format=read_home_format(self.home) or 0,
                        snapshot=snapshot,
                        taken_at=at,
                        by=agent,
                        files=listed,
                    )
        raise Fault(
            f"{self.home.root} does not hold what its catalog names, or changes faster than it can be copied."
            " No backup was made. Look: `orchestrator doctor`."
        )

    def _waiting(self) -> Iterator[BackedUpFile]:
        """What may go at any time: a landed file is in the archive before the catalog tells of it."""
        yield from self._below(self.home.landing)
        yield from self._below(self.home.candidates)

    def _named(self, copy: LakeLayout) -> Iterator[BackedUpFile]:
        catalog = self.store.put(copy.readers, _CATALOG, {}, self.copied)
        # The copy is made anew each time: its own time and mode mean nothing.
        yield catalog.model_copy(update={"mtime_ns": 0, "mode": 0o644})
        with open_catalog(copy.readers) as opened:
            shown = sorted({file.path for file in read_files(opened)})
        for path in shown:
            try:
                yield self._put(path)
            except FileNotFoundError as error:
                raise Fault(
                    f"{path} is missing, and a version needs it. No backup was made. Look: `orchestrator doctor`."
                ) from error
        yield from self._below(self.home.archive)
        yield from self._below(self.home.candidates)
        yield from self._below(self.home.evidence)
        yield from self._below(self.home.pulls)
        with suppress(FileNotFoundError):
            yield self._put(journal_file(self.home.journal))
        yield self._put(self.home.marker)

    def _is_whole(self, copy: LakeLayout, files: dict[str, BackedUpFile]) -> bool:
        with closing(connect_reader(copy)) as connection:
            ledger, entries = read_ledger(connection), read_quarantine(connection)
        landed = {e.file_sha256 for e in ledger if e.state is not FileState.DUPLICATE}
        needed = {self._relative(archived_path(self.home.archive, sha256)) for sha256 in landed}
        for entry in waiting_candidates(entries):
            needed.add(self._relative(self.home.candidates / str(entry.candidate) / MANIFEST))
        return needed <= files.keys()

    def _below(self, folder: Path) -> Iterator[BackedUpFile]:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            # What goes while it is listed was landed or settled: the catalog, copied later, tells of it.
            with suppress(FileNotFoundError):
                if path.is_file() and not path.is_symlink() and path.suffix not in {".partial", ".lock"}:
                    yield self._put(path)

    def _put(self, path: Path) -> BackedUpFile:
        return self.store.put(path, self._relative(path), self.known, self.copied)

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.home.root).as_posix()
