"""The files that declare assets: their hashes when they were loaded, and which of them differ on disk now.

What a verdict was given under is what was loaded; a publication asks whether the files still say so.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_NOT_PART = {"target", "logs", "__pycache__"}
_ABSENT = "not there"


@dataclass(frozen=True)
class ChangedFile:
    """A file with its hash when it was loaded and its hash now, or that it is not there."""

    path: Path
    loaded: str
    found: str


def hash_files(roots: Iterable[Path]) -> dict[Path, str]:
    """Returns the sha256 of every file that is, or lies below, one of the roots.

    Hidden files, editors' backups and what tools write beside the sources are no part of it.
    """
    return {file: _sha256(file) for file in {file for root in roots for file in _files(root)}}


def is_below(file: Path, roots: frozenset[Path]) -> bool:
    """Whether the file is, or lies below, one of the roots."""
    return file in roots or not roots.isdisjoint(file.parents)


def changed_files(loaded: Mapping[Path, str], roots: frozenset[Path]) -> tuple[ChangedFile, ...]:
    """Returns what differs below the roots from what was loaded, in the order of the paths."""
    before = {file: sha256 for file, sha256 in loaded.items() if is_below(file, roots)}
    now = hash_files(roots)
    return tuple(
        ChangedFile(file, before.get(file, _ABSENT), now.get(file, _ABSENT))
        for file in sorted(before.keys() | now.keys())
        if before.get(file) != now.get(file)
    )


def _files(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if name not in _NOT_PART and not name.startswith(".")]
        yield from (Path(folder, name) for name in files if not name.startswith(".") and not name.endswith("~"))


def _sha256(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        # A link that leads nowhere, or a file that went away in between.
        return _ABSENT
