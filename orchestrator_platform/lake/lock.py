"""One writer at a time: a file lock that the operating system drops when its holder dies."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import LockTimeout


@contextmanager
def writer_lock(path: Path, timeout_seconds: float) -> Iterator[None]:
    """Holds the lock for the body.

    Raises:
        LockTimeout: Somebody else held it all the time; the message names the process.
    """
    lock = FileLock(path, timeout=timeout_seconds)
    holder = path.with_suffix(".holder")
    try:
        lock.acquire(poll_interval=0.01)
    except Timeout as error:
        raise LockTimeout(lock=path, seconds=timeout_seconds, holder=_holder(holder)) from error
    try:
        holder.write_text(json.dumps({"pid": os.getpid()}), encoding="utf-8")
        yield
    finally:
        lock.release()


def _holder(file: Path) -> str:
    try:
        return f"process {json.loads(file.read_text(encoding='utf-8'))['pid']}"
    except (OSError, ValueError, KeyError):
        return ""
