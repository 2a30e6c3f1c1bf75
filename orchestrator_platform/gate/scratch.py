"""Folders that belong to one process while it lives, and how to tell that it does not any more.

The lock beside a folder is the operating system's: it ends with its holder, however that dies.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

_LOCK = ".lock"


@contextmanager
def own_folder(parent: Path, name: str) -> Iterator[Path]:
    """Gives a new folder for the body and removes it afterwards."""
    folder = parent / name
    parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(_lock_of(folder), timeout=0)
    with lock:
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            _lock_of(folder).unlink(missing_ok=True)


@dataclass(frozen=True)
class Owned:
    """The folders below one place, by whether the process that made them lives; names sort by time."""

    living: tuple[Path, ...]
    abandoned: tuple[Path, ...]


def look_at(parent: Path) -> Owned:
    """Returns what is there. A lock is taken before its folder is made, so that every folder has had its lock."""
    living: list[Path] = []
    abandoned: list[Path] = []
    for folder in sorted(path for path in parent.iterdir() if path.is_dir()) if parent.is_dir() else ():
        (living if _is_held(_lock_of(folder)) else abandoned).append(folder)
    return Owned(tuple(living), tuple(abandoned))


def started_at(folder: Path) -> datetime | None:
    """Returns when a folder was made, by its name; `None` where the name does not say."""
    try:
        return datetime.strptime(folder.name.split("-")[0], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
    except ValueError:
        return None


def remove_abandoned(folder: Path) -> bool:
    """Removes a folder whose process is gone; returns whether it was removed."""
    lock = FileLock(_lock_of(folder), timeout=0)
    try:
        with lock:
            shutil.rmtree(folder, ignore_errors=True)
            _lock_of(folder).unlink(missing_ok=True)
            return not folder.exists()
    except Timeout:
        return False


def folder_bytes(folder: Path) -> int:
    """Returns the size of everything in a folder; what vanishes meanwhile counts nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size
        except FileNotFoundError:
            continue
    return total


def _is_held(file: Path) -> bool:
    if not file.exists():
        return False
    lock = FileLock(file, timeout=0)
    try:
        with lock:
            return False
    except Timeout:
        return True


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}{_LOCK}")
