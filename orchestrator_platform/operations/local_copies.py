"""The folders that searches are answered from, as whoever looks after a home sees them. Needs no definitions."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..errors import TargetFailed
from ..projections.index_meta import find_damage
from ..projections.local_vectors import read_note, remove, size_bytes, unneeded
from ..projections.sealed_files import Depth
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


def damaged_copies(home: Home, *, quick: bool = False) -> dict[str, str]:
    """Returns what is wrong with the folders that should serve and cannot, by target.

    Args:
        quick: Whether sizes are compared, and the bytes of files left unread.
    """
    places = {asset: read_note(asset) for asset in _assets(home)}
    found = {asset: asset / Path(note.place).name for asset, note in places.items() if note is not None and note.place}
    depth = Depth.SIZE if quick else Depth.BYTES
    damages = {asset: (place, find_damage(place, depth)) for asset, place in found.items()}
    return {f"{_KIND}{asset.name}": f"{place} {damage}" for asset, (place, damage) in damages.items() if damage}


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
