"""The files of one commit as files to land: JSON records as lines of one file, everything else as it is, alone."""

import gzip
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import orjson

from .git_history import Change

# A string, or what may stand between a document's parts.
_STRING_OR_BLANK = re.compile(rb'("(?:[^"\\]|\\.)*")|[ \t\r\n]+', re.DOTALL)
_UNUSUAL = re.compile(r"[^\w.-]+")
_LONGEST_NAME = 120
DELETED = "_deleted"


@dataclass(frozen=True)
class MadeFile:
    """A file that is to arrive under `name`, relative to the source's folder."""

    name: str
    path: Path
    sha256: str


@dataclass(frozen=True)
class CommitFiles:
    files: tuple[MadeFile, ...]
    n_records: int
    n_alone: int
    n_deleted: int
    n_passed_over: int


@dataclass(frozen=True)
class Naming:
    """What the files of one commit are called: `prefix` and what tells them apart. `fits` is the source's pattern."""

    prefix: str
    fits: Callable[[str], bool]

    @property
    def records(self) -> str | None:
        """The name for lines of JSON, `None` where the source has no pattern for such a file."""
        names = (f"{self.prefix}.ndjson.gz", f"{self.prefix}.ndjson")
        return next((name for name in names if self.fits(name)), None)


@dataclass
class _Making:
    naming: Naming
    folder: Path
    files: list[MadeFile] = field(default_factory=list)
    n_records: int = 0
    n_passed_over: int = 0
    taken: set[str] = field(default_factory=set)

    def alone(self, path: bytes, content: bytes) -> None:
        name = self._free_name(path)
        if name is None:
            self.n_passed_over += 1
            return
        made = self.folder / f"alone-{len(self.files)}"
        made.write_bytes(content)
        self.files.append(MadeFile(name, made, hashlib.sha256(content).hexdigest()))

    def _free_name(self, path: bytes) -> str | None:
        usual = _UNUSUAL.sub("_", path.rsplit(b"/", 1)[-1].decode("utf-8", "replace")).lstrip(".")[-_LONGEST_NAME:]
        stem, dot, ending = (usual or "file").partition(".")
        for number in range(1, len(self.taken) + 2):
            name = f"{self.naming.prefix}-{stem}{f'-{number}' if number > 1 else ''}{dot}{ending}"
            if name not in self.taken:
                break
        if not self.naming.fits(name):
            return None
        self.taken.add(name)
        return name


def make_commit_files(
    changes: Sequence[Change], contents: Iterable[bytes], naming: Naming, folder: Path, *, tells_deletions: bool
) -> CommitFiles:
    """Writes the files that one commit lands into the folder; equal commits give equal bytes.

    Args:
        contents: Of the changes that have any, in their order.
    """
    making, name = _Making(naming, folder), naming.records
    deleted = [change for change in changes if change.blob is None]
    lines = folder / "lines"
    with ExitStack() as closing:
        writing = _lines_file(lines, name, closing) if name else None
        for change, content in zip((c for c in changes if c.blob is not None), contents, strict=True):
            record = record_line(content) if writing is not None else None
            if record is None or writing is None:
                making.alone(change.path, content)
            else:
                writing.write(record + b"\n")
                making.n_records += 1
        told = deleted if tells_deletions and writing is not None else []
        for change in told:
            assert writing is not None
            said = {DELETED: change.path.decode("utf-8", "backslashreplace")}
            writing.write(orjson.dumps(said) + b"\n")
    if name and (making.n_records or told):
        with lines.open("rb") as reading:
            digest = hashlib.file_digest(reading, "sha256").hexdigest()
        making.files.insert(0, MadeFile(name, lines, digest))
    n_alone = len(making.taken)
    return CommitFiles(tuple(making.files), making.n_records, n_alone, len(deleted), making.n_passed_over)


def record_line(content: bytes) -> bytes | None:
    """Returns a JSON object on one line: blanks between its parts are gone, every part is byte for byte what it was.

    `None` where the content is no single JSON object.
    """
    try:
        document = orjson.loads(content)
    except ValueError:
        return None
    if type(document) is not dict:
        return None
    return _STRING_OR_BLANK.sub(lambda found: found[1] or b"", content)


def bounded(contents: Iterable[bytes], max_bytes: int, too_large: Callable[[], Exception]) -> Iterator[bytes]:
    """Yields the contents until they are too large together."""
    total = 0
    for content in contents:
        total += len(content)
        if total > max_bytes:
            raise too_large()
        yield content


def _lines_file(path: Path, name: str, closing: ExitStack) -> "BinaryIO | gzip.GzipFile":
    plain = closing.enter_context(path.open("wb"))
    if not name.endswith(".gz"):
        return plain
    # Neither a name nor a time of its own: the same commit gives the same bytes.
    return closing.enter_context(gzip.GzipFile("", "wb", 6, plain, mtime=0))
