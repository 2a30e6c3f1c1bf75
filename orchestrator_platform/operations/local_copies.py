"""The folders that searches are answered from, as whoever looks after a home sees them. Needs no definitions."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..errors import TargetFailed
from ..projections.local_index import read_meta
from ..projections.local_vectors import read_note, remove, size_bytes, unneeded
from ..projections.serving import target_lock
from ..records.upkeep import FreedFolder
from ..settings import Home
from .targets import local_folder

_KIND = "local:"


def unneeded_copies(home: Home, *, remove: bool = False) -> tuple[FreedFolder, ...]:
    """Returns the folders that serve nobody and that nobody has open.

    Args:
        remove: Whether they are removed as well; those that could not be are left out.
    """
    return tuple(freed for asset in _assets(home) for freed in _unneeded(home, asset, removes=remove))


def damaged_copies(home: Home) -> dict[str, Path]:
    """Returns the folders that should serve and cannot, by target."""
    places = {asset: read_note(asset) for asset in _assets(home)}
    found = {asset: asset / Path(note.place).name for asset, note in places.items() if note is not None and note.place}
    return {f"{_KIND}{asset.name}": place for asset, place in found.items() if read_meta(place) is None}


def _assets(home: Home) -> tuple[Path, ...]:
    root = local_folder(home)
    return tuple(sorted(path for path in root.iterdir() if path.is_dir())) if root.is_dir() else ()


def _unneeded(home: Home, asset: Path, *, removes: bool) -> Iterator[FreedFolder]:
    # Whoever holds the lock is writing a folder that serves nobody yet; who may not write frees nothing.
    with suppress(TargetFailed, PermissionError), target_lock(home.projections, f"{_KIND}{asset.name}", 0):
        for folder in unneeded(asset):
            freed = FreedFolder(name=folder.relative_to(home.root).as_posix(), size_bytes=size_bytes(folder))
            if not removes or remove(folder):
                yield freed
