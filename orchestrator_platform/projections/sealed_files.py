"""Whether files that are mapped and never changed are still what was written: cheaply at each opening, or byte by byte.

Knows nothing of what is in them.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path

from ..lake.content import hash_file
from ..records.base import Record

# A page of a disk is the least that goes astray as a whole.
_BLOCK_BYTES = 4096
_WORD_BYTES = 8


class Depth(Enum):
    """How closely files are looked at: their size, the sums of their blocks, or every byte's hash."""

    SIZE = "size"
    SUMS = "sums"
    BYTES = "bytes"


class FileSeal(Record):
    """What a file was when it was written; `sums` is the hash of its blocks' sums, and quick to work out."""

    size_bytes: int
    sums: str
    sha256: str


def seal_files(folder: Path, names: Iterable[str]) -> dict[str, FileSeal]:
    """Returns the seals of a folder's files, by name."""
    return {name: _seal(folder / name) for name in sorted(names)}


def find_change(folder: Path, seals: Mapping[str, FileSeal], depth: Depth) -> str | None:
    """Returns the first file that is not what it was, and how it differs; `None` where all are."""
    for name, seal in seals.items():
        try:
            problem = _change(folder / name, seal, depth)
        except OSError as error:
            problem = f"cannot be read ({error.strerror or error})"
        if problem:
            return f"{name} {problem}"
    return None


class WatchedFiles:
    """Open files of which it can be told, quickly, whether somebody wrote to them since; close them after use."""

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        self._files: list[int] = []
        for name in names:
            self._files.append(os.open(folder / name, os.O_RDONLY))
        self._stamps = self._look()

    def are_untouched(self) -> bool:
        return self._stamps == self._look()

    def close(self) -> None:
        while self._files:
            os.close(self._files.pop())

    __del__ = close

    def _look(self) -> list[tuple[int, int]]:
        found = map(os.fstat, self._files)
        return [(stat.st_size, stat.st_mtime_ns) for stat in found]


def sums_of(file: Path) -> str:
    """Returns the hash of the sums of a file's blocks, in their order: what it costs is reading them once.

    Any one changed word changes it, and so do blocks that changed places.
    """
    import numpy as np

    size = file.stat().st_size
    hashed = hashlib.sha256(str(size).encode())
    if size:
        mapped = np.memmap(file, dtype=np.uint8, mode="r")
        whole = size - size % _BLOCK_BYTES
        words = mapped[:whole].view(np.uint64).reshape(-1, _BLOCK_BYTES // _WORD_BYTES)
        hashed.update(words.sum(axis=1, dtype=np.uint64).tobytes())
        hashed.update(mapped[whole:].tobytes())
    return hashed.hexdigest()


def _seal(file: Path) -> FileSeal:
    return FileSeal(size_bytes=file.stat().st_size, sums=sums_of(file), sha256=hash_file(file))


def _change(file: Path, seal: FileSeal, depth: Depth) -> str | None:
    size = file.stat().st_size
    if size != seal.size_bytes:
        return f"has {size:,} bytes and should have {seal.size_bytes:,}"
    if depth is Depth.SUMS and sums_of(file) != seal.sums:
        return "has other bytes than were written"
    if depth is Depth.BYTES and hash_file(file) != seal.sha256:
        return "has other bytes than were written"
    return None
