"""Where the lake's parts lie in its folder."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class LakeLayout:
    """`catalog` belongs to the writer alone; everybody else attaches `readers`."""

    root: Path

    @property
    def catalog(self) -> Path:
        return self.root / "catalog.sqlite"

    @property
    def readers(self) -> Path:
        return self.root / "readers.sqlite"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def upkeep_lock(self) -> Path:
        """Held by whoever deletes files of the lake, or copies them all; those who publish do not ask for it."""
        return self.root / "upkeep.lock"

    @property
    def asks_lock(self) -> Path:
        """Held by whoever finds out what was asked already, and asks; the writer's lock is taken inside."""
        return self.root / "asks.lock"

    @property
    def lock(self) -> Path:
        return self.root / "writer.lock"
