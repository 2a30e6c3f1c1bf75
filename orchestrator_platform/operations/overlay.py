"""A home that lies over another one: everything works in it, and the one below is only read.

Its lake names the files of the lake below where they are, at the snapshot that was newest when it was made.
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import LockTimeout, Misuse
from ..home_format import check_home_format, make_home
from ..lake.layout import LakeLayout
from ..lake.overlaying import lay_over, require_published
from ..settings import Home, Settings, read_overlay

# What is kept of work done below, and cannot be made anew from its lake, or costs seconds to.
_STORES = ("contracts", "dbt", "features", "audits", "golden", "portraits")
_LARGE_STORES = ("embedders",)
_LOCK, _LOCK_SECONDS = ".overlay.lock", 1.0
# What a command leaves that was stopped, or told of a fault, before it made anything.
_OF_AN_EMPTY_ONE = frozenset({_LOCK, ".gitignore", "journal"})


def prepare_home(settings: Settings) -> None:
    """Makes the home's folders where they are missing; of a home that lies over another one, its lake too.

    Raises:
        Misuse: The home that it is to lie over holds nothing, or it lies over another one already.
        HomeMoved: Files below are not where they would be read.
        NewerHome: A home was written by a newer version of the platform.
    """
    if settings.over is None:
        make_home(settings.home)
        return
    lies_over = read_overlay(settings.home)
    if lies_over is not None and lies_over != settings.over:
        raise Misuse(
            f"{settings.home.root} lies over {lies_over}, and was asked to lie over {settings.over}. Nothing was done."
            f" Remove {settings.home.root}; it is made anew."
        )
    if lies_over is None or not LakeLayout(settings.home.lake).catalog.exists():
        make_overlay(Home(settings.over), settings.home)


def make_overlay(base: Home, home: Home, *, anew: bool = False) -> None:
    """Makes `home` lie over `base`, as that is published now.

    Args:
        anew: Begin again over what is published now, where it is there; what was kept to save time is used again.

    Raises:
        Misuse: `home` holds something else, or lies in `base`, or nothing is published in `base`.
        HomeMoved: Files of what serves below are not where they would be read.
    """
    check_home_format(base)
    _require_place(base, home)
    if anew:
        _clear(home)
    home.root.mkdir(parents=True, exist_ok=True)
    # Before anything that could be taken for a home of its own.
    home.overlay_marker.write_text(json.dumps({"over": str(base.root)}) + "\n", encoding="utf-8")
    # A folder inside a project is nothing to commit.
    (home.root / ".gitignore").write_text("*\n", encoding="utf-8")
    if base.marker.exists():
        _copy(base.marker, home.marker)
    make_home(home)
    _link_files(base.archive, home.archive)
    _copy_missing(base.candidates, home.candidates)
    _copy_missing(base.evidence, home.evidence)
    for store in _STORES:
        _copy_missing(base.cache / store, home.cache / store)
    for store in _LARGE_STORES:
        _link_files(base.cache / store, home.cache / store)
    lay_over(LakeLayout(base.lake), LakeLayout(home.lake))


@contextmanager
def overlay_alone(base: Home, home: Home) -> Iterator[None]:
    """Holds an overlay that is made anew over `base`, which would take away what another command makes there.

    Raises:
        LockTimeout: Another command has it.
        Misuse: The folder holds something else, or lies in `base`, or nothing is published in `base`.
        NewerHome: `base` was written by a newer version of the platform.
    """
    check_home_format(base)
    _require_place(base, home)
    home.root.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home.root / _LOCK, timeout=_LOCK_SECONDS)
    try:
        lock.acquire(poll_interval=0.05)
    except Timeout as error:
        holder = "another command that works over a lake"
        raise LockTimeout(lock=Path(lock.lock_file), seconds=_LOCK_SECONDS, holder=holder) from error
    try:
        yield
    finally:
        lock.release()


def _require_place(base: Home, home: Home) -> None:
    """Nothing is made where nothing can be."""
    _require_unused(home)
    if home.root.is_relative_to(base.root):
        raise Misuse(
            f"{home.root} is in {base.root}, which is only read. Nothing was done."
            " Name another folder for what lies over a lake."
        )
    require_published(LakeLayout(base.lake))


def _require_unused(home: Home) -> None:
    """An overlay is cleared when it is made anew: a folder of somebody else's must never be taken for one."""
    if read_overlay(home) is not None or not home.root.exists():
        return
    if LakeLayout(home.lake).catalog.exists():
        raise Misuse(
            f"{home.root} is a home of its own, and lies over no other one. Nothing was done."
            " Name another folder for what lies over a lake."
        )
    held = sorted(path.name for path in home.root.iterdir() if path.name not in _OF_AN_EMPTY_ONE)
    if held:
        raise Misuse(
            f"{home.root} holds {', '.join(held[:3])}, which whatever lies over a lake would take away. Nothing was"
            " done. Name an empty folder, or one that is not there."
        )


def _clear(home: Home) -> None:
    """Whatever was done before; what only saves time stays."""
    for folder in (
        home.lake, home.archive, home.candidates, home.workbenches, home.landing, home.journal, home.projections,
        home.evidence, home.backups,
    ):  # fmt: skip
        shutil.rmtree(folder, ignore_errors=True)


def _link_files(source: Path, target: Path) -> None:
    """Names each file where it is: what is written or removed beside or instead of it stays in the overlay."""
    for file in _files(source):
        link = target / file.relative_to(source)
        if not os.path.lexists(link):
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file)


def _copy_missing(source: Path, target: Path) -> None:
    for file in _files(source):
        copy = target / file.relative_to(source)
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            _copy(file, copy)


def _copy(file: Path, copy: Path) -> None:
    """Who is killed meanwhile leaves nothing that would be taken for the file."""
    part = copy.with_name(f"{copy.name}.partial")
    shutil.copyfile(file, part)
    part.replace(copy)


def _files(folder: Path) -> Iterable[Path]:
    if not folder.is_dir():
        return ()
    left = {".lock", ".partial"}
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix not in left]
