"""A file that is being transferred: what of it is here, and of which content that is a part."""

import json
from dataclasses import dataclass
from pathlib import Path

from ..records.pulls import Validators
from ..storage import write_whole


@dataclass(frozen=True)
class Part:
    """`n_bytes` are here of a content of `total` bytes, `None` where nobody said how many."""

    n_bytes: int
    of: Validators
    total: int | None


@dataclass(frozen=True)
class PartialFile:
    """`path` grows while the file comes in; beside it lies a note on what it is a part of."""

    path: Path

    @property
    def _note(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    def begin(self, url: str, of: Validators, total: int | None) -> None:
        """Forgets what was here, and notes what comes."""
        self.forget()
        said = {"url": url, "of": of.model_dump(), "total": total}
        write_whole(self._note, json.dumps(said).encode())
        self.path.write_bytes(b"")

    def part(self, url: str) -> Part | None:
        """Returns what is here of that address, `None` where nothing is that could be gone on with."""
        try:
            said = json.loads(self._note.read_text(encoding="utf-8"))
            of, total, n_bytes = Validators.model_validate(said["of"]), said["total"], self.path.stat().st_size
        except (OSError, ValueError, KeyError, TypeError):
            return None
        whole = total is not None and n_bytes > total
        return None if said["url"] != url or not of.for_ranges or not n_bytes or whole else Part(n_bytes, of, total)

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)
