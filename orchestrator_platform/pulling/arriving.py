"""Lets a whole file appear in landing at once, under a name that sorts by the time of what it holds."""

import os
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from ..errors import PullRefused
from .checksums import sha256_of_file


def next_stamp(moment: datetime, last: datetime | None, now: datetime) -> datetime:
    """Returns the time for a name, to the second: after the last one, whatever the other side's clock says."""
    stamp = min(moment, now).replace(microsecond=0)
    return stamp if last is None or stamp > last else last + timedelta(seconds=1)


def landed_prefix(stamp: datetime, ident: str) -> str:
    """Returns what the name of a landed file begins with; by name is by time."""
    return f"dt={stamp:%Y-%m-%d}/{stamp:%H%M%S}-{ident[:8]}"


def arrive(
    file: Path, target: Path, sha256: str, url: str, *, is_accounted: Callable[[str], bool], modified_ns: int
) -> bool:
    """Moves a file to its place in landing; it is whole there from the first moment on.

    Returns whether it is there now: one that was landed meanwhile, as an earlier pull was killed after it, is not
    brought again.

    Args:
        modified_ns: So long ago that landing knows it for whole.

    Raises:
        PullRefused: Another file has that name.
    """
    if target.exists():
        if sha256_of_file(target) != sha256:
            raise PullRefused(
                url=url,
                problem=f"landing holds another file under the name of what came, {target}",
                fix="Move it away, or land it, and pull again.",
            )
        file.unlink()
        return True
    if is_accounted(sha256):
        file.unlink()
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    os.utime(file, ns=(modified_ns, modified_ns))
    _sync(file)
    # A link and an unlink would tell landing, between the two, of an arrival that changes once more.
    try:
        file.rename(target)
    except OSError as error:
        if error.errno != _OTHER_DEVICE:
            raise
        _copy(file, target)
    _sync(target.parent)
    return True


_OTHER_DEVICE = 18


def _copy(file: Path, target: Path) -> None:
    # Landing passes over what begins with a dot.
    hidden = target.with_name(f".{target.name[:200]}.{os.getpid()}.partial")
    try:
        shutil.copy2(file, hidden)
        _sync(hidden)
        hidden.rename(target)
    finally:
        hidden.unlink(missing_ok=True)
    file.unlink()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
