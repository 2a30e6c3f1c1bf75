"""Finds the files of a source that are whole and may be read. Reads names and times only, never contents."""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from ..records.declarations import SourceOptions
from .open_files import is_open_for_writing

_TEMPORARY = re.compile(r".*(\.(tmp|temp|part|partial|crdownload|filepart|swp)|~)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class LandedFile:
    """A file that has settled.

    `name` is the path under the source's landing folder, with `/`; bytes of it that are no UTF-8
    stand as `\\xNN`. `identity` tells one file from another of the same name; `arrival` also tells two
    arrivals of one name apart, whatever inode and times the second one was given.
    """

    path: Path
    name: str
    size_bytes: int
    modified_ns: int
    identity: str
    arrival: str


@dataclass(frozen=True)
class FilesFound:
    """What is in a landing folder: ready to be read, waiting (name and why), and ignored by the pattern. `settling` are
    those that wait for nothing but a moment's rest.
    """

    ready: tuple[LandedFile, ...]
    waiting: tuple[tuple[str, str], ...]
    ignored: tuple[str, ...]
    settling: tuple[str, ...] = ()


def find_landed_files(
    folder: Path, options: SourceOptions, *, now: float, settle_seconds: float, closed_seconds: float | None = None
) -> FilesFound:
    """Returns the files below `folder`, sorted by what is to be done with them.

    Args:
        now: Seconds since the epoch, on the clock of the file system.
        settle_seconds: How long a file must have been left alone before it counts as whole.
        closed_seconds: How long that is where the operating system says that nobody has the file open for writing; a
            file that somebody has open then waits, however long ago it was written to. `None` asks nobody.
    """
    patience = _Patience(now, settle_seconds, closed_seconds)
    ready: list[LandedFile] = []
    waiting: list[tuple[str, str]] = []
    ignored: list[str] = []
    settling: list[str] = []
    for path, name, status, problem in _entries(folder, ""):
        if problem or status is None:
            waiting.append((name, problem))
        elif not matches_pattern(name, options.pattern):
            ignored.append(name)
        elif why := patience.why_not(path, status):
            waiting.append((name, why.says))
            settling += [name] if why.passes else []
        else:
            ready.append(_landed(path, name, status))
    ready.sort(key=lambda file: (file.modified_ns if options.order == "modified" else 0, file.name, file.identity))
    return FilesFound(tuple(ready), tuple(sorted(waiting)), tuple(sorted(ignored)), tuple(sorted(settling)))


def matches_pattern(name: str, patterns: Sequence[str]) -> bool:
    """Whether a relative name with `/` fits one of the globs; `**` stands for any folders, also none."""
    parts = tuple(name.split("/"))
    return any(_fits(parts, tuple(pattern.removeprefix("./").split("/"))) for pattern in patterns)


def _fits(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    @cache
    def fits(i: int, j: int) -> bool:
        if j == len(pattern):
            return i == len(parts)
        if pattern[j] == "**":
            last = j == len(pattern) - 1
            return (i < len(parts) and (last or fits(i + 1, j))) or (not last and fits(i, j + 1))
        return i < len(parts) and fnmatchcase(parts[i], pattern[j]) and fits(i + 1, j + 1)

    return fits(0, 0)


def _entries(folder: Path, prefix: str) -> Iterator[tuple[Path, str, os.stat_result | None, str]]:
    """Yields (path, name, status, problem) of what is below the folder; links are never followed."""
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except FileNotFoundError:
        return
    except OSError as error:
        yield folder, prefix or "./", None, f"the folder cannot be listed: {error.strerror}"
        return
    for entry in entries:
        path, name = Path(entry.path), prefix + _readable(entry.name)
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            # It was there a moment ago: somebody renamed or removed it, the next look will tell.
            continue
        if stat.S_ISDIR(status.st_mode) and not _is_temporary(entry.name):
            yield from _entries(path, f"{name}/")
        else:
            yield path, name, status, _unfit(entry.name, status)


def _readable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _is_temporary(name: str) -> bool:
    # rsync writes `.name.XXXXXX`, so a leading dot covers it.
    return name.startswith(".") or _TEMPORARY.fullmatch(name) is not None


def _unfit(name: str, status: os.stat_result) -> str:
    if stat.S_ISLNK(status.st_mode):
        return "a symbolic link: links are not followed, copy the file instead"
    if _is_temporary(name):
        return "its name is that of a file still being written"
    if not stat.S_ISREG(status.st_mode):
        return "not a regular file"
    return ""


@dataclass(frozen=True)
class _NotWhole:
    says: str
    passes: bool = False


@dataclass(frozen=True)
class _Patience:
    now: float
    settle_seconds: float
    closed_seconds: float | None

    def why_not(self, path: Path, status: os.stat_result) -> "_NotWhole | None":
        """Why a file may not be whole yet; `None` where it is."""
        age_seconds = self.now - status.st_mtime
        if age_seconds < 0:
            return _NotWhole(f"its modification time lies {-age_seconds:.1f} s in the future")
        quiet = self.settle_seconds if self.closed_seconds is None else self.closed_seconds
        is_open = is_open_for_writing(path) if self.closed_seconds is not None and age_seconds >= quiet else None
        if is_open:
            return _NotWhole("somebody has it open for writing")
        needed = quiet if is_open is False else self.settle_seconds
        if age_seconds < needed:
            says = f"modified {age_seconds:.1f} s ago, it may still be growing (waits for {needed:g} s)"
            return _NotWhole(says, passes=True)
        return None


def _landed(path: Path, name: str, status: os.stat_result) -> LandedFile:
    return LandedFile(path, name, status.st_size, status.st_mtime_ns, identity_of(status), arrival_of(status))


def identity_of(status: os.stat_result) -> str:
    """Returns what a file keeps when it is renamed: device, inode, size and modification time."""
    return f"{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}"


def arrival_of(status: os.stat_result) -> str:
    """Returns the identity with the time of the last rename, link or write, which nobody can set back."""
    return f"{identity_of(status)}:{status.st_ctime_ns}"
