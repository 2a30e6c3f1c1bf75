"""Makes a home from a backup, at any place: the use case behind `orchestrator restore`."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from ..authority.acts import Act
from ..errors import Misuse, NewerHome
from ..gate.context import new_id, utc_now
from ..home_format import HOME_FORMAT, make_home
from ..lake.catalog import relocate
from ..lake.layout import LakeLayout
from ..lake.published import cut_published
from ..records.events import Event
from ..records.upkeep import Backup
from ..settings import Home, Settings
from .backup_store import BackupStore
from .caretaking import require_caretaker
from .projections import catch_up, note


@dataclass(frozen=True)
class Restored:
    """A home, made from the backup of that name."""

    name: str
    home: Path
    backup: Backup

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.backup.files)


def restore(
    settings: Settings, source: Path, *, name: str = "", by: str = "", now: Callable[[], datetime] = utc_now
) -> Restored:
    """Makes the home of the settings from a backup, by default the newest; it is there whole or not at all.

    Raises:
        NotPermitted: No agent may; a person may.
        Misuse: The home holds files, or there is no such backup.
        BackupDamaged: A file is missing or has other bytes than were copied; nothing was restored.
    """
    agent = require_caretaker(settings.project, Act.RESTORE, by)
    home, store, chosen, backup = _choose(settings, source, name)
    event = Event(
        id=new_id(), at=now(), agent=agent, act="restore", subject="home", outcome="restored",
        details={"backup": chosen, "snapshot": backup.snapshot},
    )  # fmt: skip
    partial = home.root.with_name(f"{home.root.name}.{new_id()}.partial")
    try:
        for file in backup.files:
            store.give(file, _inside(partial, file.path))
        relocate(LakeLayout(Home(partial).lake).catalog, home.lake / "data")
        # The home that appears tells of its own restoration, even if nothing after it is done.
        note(replace(settings, home=Home(partial)), [event])
        # Copying takes a while: somebody may have begun to use the home meanwhile.
        _require_empty(home)
        if home.root.exists():
            shutil.rmtree(home.root)
        home.root.parent.mkdir(parents=True, exist_ok=True)
        partial.rename(home.root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    make_home(home)
    layout = LakeLayout(home.lake)
    # Opens the lake as a writer does, which reads every served version again and shows it to readers.
    cut_published(layout, settings.lock_timeout_seconds)
    catch_up(settings, layout)
    return Restored(chosen, home.root, backup)


def try_restore(settings: Settings, source: Path, *, name: str = "") -> Restored:
    """Returns what `restore` would make; every file of the backup is read, and nothing is written.

    Raises:
        Misuse: The home holds files, or there is no such backup.
        BackupDamaged: A file is missing or has other bytes than were copied.
    """
    home, store, chosen, backup = _choose(settings, source, name)
    for file in backup.files:
        store.check(file)
    return Restored(chosen, home.root, backup)


def _choose(settings: Settings, source: Path, name: str) -> tuple[Home, BackupStore, str, Backup]:
    store = BackupStore(source.expanduser().resolve())
    _require_empty(settings.home)
    names = store.names()
    chosen = name or (names[-1] if names else "")
    backup = store.load(chosen)
    if backup.home_format > HOME_FORMAT:
        raise NewerHome(home=store.root, found=backup.home_format, known=HOME_FORMAT)
    return settings.home, store, chosen, backup


def _require_empty(home: Home) -> None:
    held = next((path for path in sorted(home.root.rglob("*")) if path.is_file() and path != home.marker), None)
    if held is not None:
        raise Misuse(
            f"{home.root} is not empty: it holds {held.relative_to(home.root)}. Nothing was restored."
            " Name another home with --home, or move this one away."
        )


def _inside(root: Path, path: str) -> Path:
    target = root / path
    if ".." in Path(path).parts or Path(path).is_absolute():
        raise Misuse(f"The backup names a file outside of a home, {path!r}. Nothing was restored. Use another one.")
    return target
