"""Tells a disk that is full, closed, limited or broken, and files that it lost, from everything else, whoever came upon
it. Writes a file whole, or not at all.
"""

import errno
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from .errors import DbtFailed, ReaderFailed, StorageFailed, TableFileDamaged

_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE})
_SQLITE = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
_OF_SQLITE = (
    "database or disk is full",
    "disk I/O error",
    "unable to open database file",
    "attempt to write a readonly database",
)
# DuckDB hands on what the system and SQLite said as text only; these are their fixed words.
_SAYINGS = (*(os.strerror(number) for number in sorted(_ERRNOS)), *_OF_SQLITE)
_PARQUET = re.compile(r"""['"](/[^'"]+\.parquet)['"]""")
_PATH = re.compile(r'"(/[^"]+)"|(?<!\S)(/[^\s":]+)')


@contextmanager
def writing(where: Path) -> Iterator[None]:
    """Raises StorageFailed for what the storage broke inside; `where` is named if the error names no path."""
    try:
        yield
    except Exception as error:
        failure = storage_failure(error, where)
        if failure is None or failure is error:
            raise
        raise failure from error


def write_whole(file: Path, content: bytes) -> None:
    """Writes a file in one rename: whoever else writes or reads it at the same time sees a whole one.

    Raises:
        StorageFailed: It cannot be written.
    """
    partial = file.with_name(f"{file.name}.{os.getpid()}.{os.urandom(4).hex()}.partial")
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(content)
            partial.replace(file)
        finally:
            partial.unlink(missing_ok=True)


def storage_failure(error: BaseException, where: Path) -> StorageFailed | None:
    """Returns what to say where the storage is to blame for an error, or for what led to it; else `None`."""
    for cause in _causes(error):
        if isinstance(cause, StorageFailed):
            return cause
        problem = _problem(cause, where)
        if problem:
            return StorageFailed(path=_path(cause) or where, problem=problem)
    return None


def table_file_damage(error: BaseException, lake: Path) -> TableFileDamaged | None:
    """Returns what to say where a file of the lake is to blame for an error of DuckDB; else `None`.

    The error only says which file to look at: the file itself must be gone, or fail to be read.
    """
    said = (str(cause) for cause in _causes(error) if isinstance(cause, duckdb.Error))
    for path in dict.fromkeys(Path(name) for text in said for name in _PARQUET.findall(text)):
        problem = _unreadable(path) if path.is_relative_to(lake) else None
        if problem:
            return TableFileDamaged(file=path, problem=problem)
    return None


def _unreadable(path: Path) -> str | None:
    if not path.exists():
        return "is missing"
    with duckdb.connect() as connection:
        try:
            connection.execute("SELECT count(COLUMNS(*)) FROM read_parquet(?)", [str(path)])
        except duckdb.Error as error:
            return f"cannot be read ({str(error).splitlines()[0]})"
    return None


def storage_problem(text: str) -> str | None:
    """Returns what a text that was made of an error says of the storage, `None` where it says nothing."""
    return next((saying for saying in _SAYINGS if saying in text), None)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _problem(error: BaseException, where: Path) -> str | None:
    match error:
        case PermissionError() | IsADirectoryError() | NotADirectoryError() if _is_inside(error, where):
            return error.strerror
        case OSError() if error.errno in _ERRNOS:
            return os.strerror(error.errno)
        case sqlite3.Error():
            # The low byte is the kind of failure, the others say where it happened.
            return str(error) if getattr(error, "sqlite_errorcode", 0) & 0xFF in _SQLITE else None
        case duckdb.DataError() | duckdb.ProgrammingError():
            return None  # they quote values and statements
        case duckdb.Error() | ReaderFailed() | DbtFailed():
            return storage_problem(str(error))
        case _:
            return None


def _is_inside(error: OSError, where: Path) -> bool:
    """Whether it is a file of the place that is written to; what a project's own code may not do is another matter."""
    path = _path(error)
    return path is not None and path.is_relative_to(where)


def _path(error: BaseException) -> Path | None:
    if isinstance(error, OSError):
        name = error.filename2 or error.filename
        return Path(os.fsdecode(name)) if isinstance(name, str | bytes) else None
    found = _PATH.search(str(error))
    return Path(found[1] or found[2]) if found else None
