"""A folder of backups: files by their hash, each kept once, and one list of files per backup. Knows no lake."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ..errors import BackupDamaged, Misuse
from ..lake.content import hash_file
from ..records.upkeep import BACKUP_FORMAT, BackedUpFile, Backup

_CHUNK = 4 << 20


@dataclass
class Copied:
    """What was written into the store during one backup."""

    n_files: int = 0
    size_bytes: int = 0


@dataclass(frozen=True)
class BackupStore:
    root: Path

    @property
    def lists(self) -> Path:
        return self.root / "backups"

    def names(self) -> tuple[str, ...]:
        """Returns the backups, oldest first."""
        return tuple(sorted(path.stem for path in self.lists.glob("*.json"))) if self.lists.is_dir() else ()

    def open_for_writing(self, home: Path) -> None:
        """Makes the folder.

        Raises:
            Misuse: It lies in the home, or holds something that is no backup.
        """
        if self.root.is_relative_to(home):
            raise Misuse(
                f"A backup of {home} cannot lie inside of it, as {self.root} does. Nothing was copied."
                " Name a folder outside of it."
            )
        if self.root.is_dir() and any(self.root.iterdir()) and not self.lists.is_dir():
            raise Misuse(f"{self.root} holds something that is no backup. Nothing was copied. Name an empty folder.")
        self.lists.mkdir(parents=True, exist_ok=True)

    def load(self, name: str) -> Backup:
        """Returns what a backup holds.

        Raises:
            Misuse: There is none of that name.
            BackupDamaged: Its list is not what was written.
        """
        file = self.lists / f"{name}.json"
        if not file.exists():
            if not self.names():
                raise Misuse(f"{self.root} has no backup yet. Make one: `orchestrator backup {self.root}`.")
            raise Misuse(f"{self.root} has no backup {name!r}. Nothing was restored. Known: {', '.join(self.names())}.")
        content = file.read_bytes()
        if not name.endswith(hashlib.sha256(content).hexdigest()[:12]):
            raise BackupDamaged(file=file, problem="has other bytes than were written")
        try:
            found = Backup.model_validate_json(content)
        except ValidationError as error:
            raise BackupDamaged(file=file, problem="is no list of files") from error
        if found.format > BACKUP_FORMAT:
            raise Misuse(
                f"{file} is of format {found.format}, and this version reads up to {BACKUP_FORMAT}."
                " Nothing was restored. Install the version that wrote it."
            )
        return found

    def save(self, backup: Backup) -> str:
        """Writes the list last, in one rename, and returns the backup's name."""
        content = backup.canonical_json().encode()
        name = f"{backup.taken_at:%Y%m%dT%H%M%S}-{hashlib.sha256(content).hexdigest()[:12]}"
        partial = self.lists / f"{name}.partial"
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.lists / f"{name}.json")
        return name

    def put(self, file: Path, path: str, known: Mapping[str, BackedUpFile], copied: Copied) -> BackedUpFile:
        """Keeps a file's bytes unless they are there; one with the size and time of last time is not read again.

        Raises:
            FileNotFoundError: It is gone.
            BackupDamaged: What was written reads back otherwise.
        """
        found, before = file.stat(), known.get(path)
        same = before is not None and (before.size_bytes, before.mtime_ns) == (found.st_size, found.st_mtime_ns)
        if before is not None and same and self._holds(before):
            return before
        sha256, size = self._keep(file, copied)
        return BackedUpFile(
            path=path, sha256=sha256, size_bytes=size, mtime_ns=found.st_mtime_ns, mode=found.st_mode & 0o777
        )

    def check(self, file: BackedUpFile) -> None:
        """Raises BackupDamaged where the bytes are missing or not those that were copied."""
        kept = self.object(file.sha256)
        if not kept.exists():
            raise BackupDamaged(file=kept, problem=f"is missing; it is {file.path}")
        if hash_file(kept) != file.sha256:
            raise BackupDamaged(file=kept, problem=f"has other bytes than were copied; it is {file.path}")

    def give(self, file: BackedUpFile, target: Path) -> None:
        """Writes a file's bytes to a place, with its time and mode, and hashes them on the way.

        Raises:
            BackupDamaged: The bytes are missing or not those that were copied.
        """
        kept = self.object(file.sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        try:
            with kept.open("rb") as reading, target.open("xb") as writing:
                for chunk in _chunks(reading.read):
                    digest.update(chunk)
                    writing.write(chunk)
                writing.flush()
                os.fsync(writing.fileno())
        except FileNotFoundError as error:
            raise BackupDamaged(file=kept, problem=f"is missing; it is {file.path}") from error
        if digest.hexdigest() != file.sha256:
            raise BackupDamaged(file=kept, problem=f"has other bytes than were copied; it is {file.path}")
        target.chmod(file.mode)
        os.utime(target, ns=(file.mtime_ns, file.mtime_ns))

    def object(self, sha256: str) -> Path:
        """Returns where the bytes of that hash lie."""
        return self.root / "objects" / sha256[:2] / sha256

    def _holds(self, file: BackedUpFile) -> bool:
        try:
            return self.object(file.sha256).stat().st_size == file.size_bytes
        except FileNotFoundError:
            return False

    def _keep(self, file: Path, copied: Copied) -> tuple[str, int]:
        digest, size = hashlib.sha256(), 0
        partial = self.root / f".{os.getpid()}-{os.urandom(4).hex()}.partial"
        try:
            with file.open("rb") as reading, partial.open("xb") as writing:
                for chunk in _chunks(reading.read):
                    digest.update(chunk)
                    writing.write(chunk)
                    size += len(chunk)
                writing.flush()
                os.fsync(writing.fileno())
            sha256 = digest.hexdigest()
            target = self.object(sha256)
            if not target.exists() or target.stat().st_size != size:
                if hash_file(partial) != sha256:
                    raise BackupDamaged(file=target, problem="read back with other bytes than were written")
                target.parent.mkdir(parents=True, exist_ok=True)
                partial.chmod(0o444)
                partial.replace(target)
                copied.n_files, copied.size_bytes = copied.n_files + 1, copied.size_bytes + size
        finally:
            partial.unlink(missing_ok=True)
        return sha256, size


def _chunks(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while chunk := read(_CHUNK):
        yield chunk
