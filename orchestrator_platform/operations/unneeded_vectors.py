"""Vectors that are kept between builds and that no build will ask for: of embedders that the project does not declare,
and what killed runs left half written. Losing more than these would only cost embedding anew.
"""

import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from filelock import Timeout

from ..errors import OrchestratorError
from ..learning.kept_vectors import KeptVectors
from ..projections.local_vectors import size_bytes
from ..records.upkeep import FreedFolder
from ..settings import Home
from .declared_embeddings import declared_embeddings
from .platform import Platform

# Where stores are, each a folder named by its embedder: the builds', the auditor's and the servers' verification's.
_STORES = ("vectors", "audits/questions", "golden")
_PARTIAL = ".partial"
# A store, or a segment of one, is written within minutes, and touched with each batch.
_ABANDONED_AFTER = timedelta(hours=1)


def declared_embedders(platform: Platform) -> frozenset[str] | None:
    """Returns the embedders that the project declares, as stores are named; `None` where it cannot be read."""
    try:
        declared = declared_embeddings(platform.gate.assets)
    except OrchestratorError:
        return None
    return frozenset(embedding.build.identity.hash() for embedding in declared.values())


def unneeded_vectors(
    home: Home, declared: Collection[str] | None, now: datetime, *, remove: bool = False
) -> tuple[FreedFolder, ...]:
    """Returns what no build will ask for.

    Args:
        declared: The embedders whose vectors stay; `None` keeps those of all.
        remove: Whether it is removed as well; what somebody is using stays, and is left out.
    """
    found = (path for store in _STORES for path in _unneeded(home.cache / store, declared, now))
    freed = [
        (path, FreedFolder(name=path.relative_to(home.root).as_posix(), size_bytes=_size_bytes(path)))
        for path in sorted(found)
    ]
    return tuple(each for path, each in freed if not remove or _removed(path))


def _unneeded(root: Path, declared: Collection[str] | None, now: datetime) -> Iterator[Path]:
    for path in root.iterdir() if root.is_dir() else ():
        if not path.is_dir():
            continue
        if path.name.endswith(_PARTIAL):
            yield from [path] if _is_abandoned(path, now) else []
        elif declared is not None and path.name not in declared:
            yield path
        else:
            yield from (left for left in path.glob(f"*{_PARTIAL}") if _is_abandoned(left, now))


def _is_abandoned(path: Path, now: datetime) -> bool:
    touched = [path, *(path.iterdir() if path.is_dir() else ())]
    with suppress(FileNotFoundError):
        newest: float = max(each.stat().st_mtime for each in touched)
        return newest < (now - _ABANDONED_AFTER).timestamp()
    return False


def _removed(path: Path) -> bool:
    if path.name.endswith(_PARTIAL):
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        return not path.exists()
    # Whoever holds the lock reads it, or is about to add to it.
    with suppress(Timeout, OSError), KeptVectors(path).lock.acquire(timeout=0):
        shutil.rmtree(path, ignore_errors=True)
    return not path.exists()


def _size_bytes(path: Path) -> int:
    return size_bytes(path) if path.is_dir() else path.stat().st_size
