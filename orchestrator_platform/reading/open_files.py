"""Asks the operating system whether anybody has a file open for writing. Knows no source and reads no contents."""

import errno
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path


def is_open_for_writing(file: Path) -> bool | None:
    """Returns whether a process of this machine has the file open for writing; `None` where nobody can tell.

    Linux grants a lease for reading only on a file that nobody writes to. It is given back at once.
    """
    if sys.platform != "linux":
        return None
    import fcntl

    try:
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # A writer that comes in between is told of by a signal; this one is ignored unless somebody asks for it.
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    else:
        with suppress(OSError):
            fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return False
    finally:
        os.close(handle)
