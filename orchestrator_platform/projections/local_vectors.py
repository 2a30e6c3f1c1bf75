"""Vectors, words and rows of an embedding in files of the home: searched without a server.

Below `root`, each asset has a folder with one folder for each version that was asked for, and a note of the one that
serves. A folder appears by one rename, is never changed, and goes when it serves nobody and nobody has it open.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import TargetFailed
from ..lake.published import PublishedCut
from ..records.embeddings import EmbeddingOptions
from ..records.keys import AssetKey
from ..records.receipts import Head
from ..settings import Searching
from .index_meta import IN_USE, find_damage, index_name
from .local_index import write_index
from .local_search import LocalIndex
from .made_from import Made, find_made
from .sealed_files import Depth
from .serving import Serving

PARTIAL, REMOVED, NOTE = ".partial", ".removed", "serving.json"


@dataclass(frozen=True)
class LocalTarget:
    """The serving copy of an embedding in the home; `root` is the folder of all of them."""

    asset: AssetKey
    options: EmbeddingOptions
    root: Path

    @property
    def name(self) -> str:
        return f"local:{self.asset}"

    @property
    def folder(self) -> Path:
        return self.root / self.asset

    def serving(self) -> Serving:
        """Returns what the note says, if the folder that it names is whole."""
        served = read_note(self.folder)
        if served is None:
            return Serving(target=self.name, asset=self.asset)
        if not served.place:
            return served
        # A home that was moved keeps its folders' names.
        place = self.folder / Path(served.place).name
        damage = find_damage(place, Depth.SUMS)
        if damage:
            raise self._failed(f"{place} {damage}")
        return served.model_copy(update={"place": str(place)})

    def bring(self, head: Head | None, cut: PublishedCut) -> Serving:
        return self._bring(head, cut, anew=False)

    def rebuild(self, head: Head | None, cut: PublishedCut) -> Serving:
        return self._bring(head, cut, anew=True)

    def make(self, made: Made, cut: PublishedCut, *, anew: bool = False) -> Path:
        """Returns the folder of a version, written where it is not there. The caller holds the target's lock.

        Raises:
            TargetFailed: What is published cannot be searched.
            StorageFailed: It cannot be written.
        """
        folder = self.folder_of(made)
        if not anew and find_damage(folder, Depth.SUMS) is None:
            return folder
        fresh = self.folder / f"{folder.name}.{os.getpid()}{PARTIAL}"
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            write_index(fresh, made, self.options, cut.layout)
            _set_aside(folder)
            fresh.rename(folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return folder

    def folder_of(self, made: Made) -> Path:
        """Returns where the folder of a version is, or would be."""
        return self.folder / index_name(made, self.options)

    def open(self, made: Made, limits: Searching) -> LocalIndex:
        """Opens the folder of a version; `limits` are those of conditions.

        Raises:
            FileNotFoundError: It is not there.
            TargetFailed: It is damaged.
        """
        return LocalIndex.open(self.folder_of(made), self.name, limits)

    def _bring(self, head: Head | None, cut: PublishedCut, *, anew: bool) -> Serving:
        self.folder.mkdir(parents=True, exist_ok=True)
        if head is None or head.withdrawn:
            served = Serving(target=self.name, asset=self.asset)
        else:
            made = find_made(cut, self.asset, head.version, self.options.source)
            served = Serving(
                target=self.name,
                asset=self.asset,
                version=head.version,
                data_version=head.data_version,
                place=str(self.make(made, cut, anew=anew)),
            )
        write_note(self.folder, served)
        for folder in unneeded(self.folder):
            remove(folder)
        return served

    def _failed(self, problem: str) -> TargetFailed:
        fix = f"Make it anew: `orchestrator projections rebuild {self.name}`."
        return TargetFailed(target=self.name, problem=problem, fix=fix)


def read_note(folder: Path) -> Serving | None:
    """Returns what an asset's note says that serves; `None` where there is none that can be read."""
    try:
        return Serving.model_validate_json((folder / NOTE).read_bytes())
    except (OSError, ValueError):
        return None


def write_note(folder: Path, served: Serving) -> None:
    """Switches what serves, in one rename."""
    partial = folder / f"{NOTE}{PARTIAL}"
    partial.write_text(served.model_dump_json(), encoding="utf-8")
    partial.replace(folder / NOTE)


def unneeded(folder: Path) -> tuple[Path, ...]:
    """Returns the folders of an asset that serve nobody and that nobody has open, half-written ones among them."""
    served = read_note(folder)
    place = Path(served.place).name if served is not None and served.place else ""
    return tuple(found for found in _folders(folder) if found.name != place and not _is_open(found))


def remove(folder: Path) -> bool:
    """Removes a folder that nobody has open; returns whether it is gone."""
    with suppress(OSError), _held_alone(folder):
        # Under another name nobody opens it any more, and a removal that is cut short is no damage.
        aside = folder if folder.name.endswith((PARTIAL, REMOVED)) else folder.with_name(f"{folder.name}{REMOVED}")
        if aside != folder:
            shutil.rmtree(aside, ignore_errors=True)
            folder.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)
    return not folder.exists()


def size_bytes(folder: Path) -> int:
    """Returns the size of a folder's files; what vanishes meanwhile counts nothing."""
    total = 0
    for path in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def _folders(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else ()


def _set_aside(folder: Path) -> None:
    """What is damaged, or to be made anew, gives its name up; it goes once nobody has it open."""
    if folder.exists():
        aside = folder.with_name(f"{folder.name}.{os.getpid()}{REMOVED}")
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)


def _is_open(folder: Path) -> bool:
    try:
        with _held_alone(folder):
            return False
    except BlockingIOError:
        return True
    except OSError:
        return False


@contextmanager
def _held_alone(folder: Path) -> Iterator[None]:
    """Raises BlockingIOError where somebody has the folder open."""
    try:
        holding = (folder / IN_USE).open("rb")
    except FileNotFoundError:
        # Without it nobody can open the folder.
        yield
        return
    with holding:
        fcntl.flock(holding, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
