"""DuckDB connections with the lake's extensions loaded from their wheels, never from the network."""

import importlib.util
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from ..errors import Fault
from ..records.base import sha256_of
from ..settings import load_user_cache
from ..sql import literal

ONE_ROW_GROUP = 122_880
EXTENSIONS = ("sqlite_scanner", "ducklake")
FULL_TEXT = "fts"
_CLOSED: dict[str, Any] = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}


def connect(database: str | Path = ":memory:", extensions: Sequence[str] = EXTENSIONS) -> duckdb.DuckDBPyConnection:
    """Returns a connection with the extensions loaded, by default the lake's, and auto-installation off.

    Raises:
        Fault: An extension's wheel is not installed.
    """
    config = {**_CLOSED, "allow_unsigned_extensions": "true"}
    connection = duckdb.connect(str(database), config=config)
    # Progress bars of DuckDB would mix with the platform's own output.
    connection.execute("SET enable_progress_bar = false")
    for statement in load_statements(extensions):
        connection.execute(statement)
    return connection


def suit_threads(connection: duckdb.DuckDBPyConnection, n_rows: int) -> None:
    """Gives the database as many threads as tables of at most `n_rows` rows can use: one, or all there are.

    DuckDB shares the work on a table among threads by row groups. Where there is only one, waking the others is all
    that they do, and costs a third of the processor time of many small statements.
    """
    connection.execute("SET threads = 1" if n_rows <= ONE_ROW_GROUP else "RESET threads")


def close_off(connection: duckdb.DuckDBPyConnection) -> None:
    """Lets a connection reach nothing any more beside what it has open: no file, no setting, no extension."""
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def load_statements(extensions: Sequence[str] = EXTENSIONS) -> tuple[str, ...]:
    """Returns the statements that load the extensions, for connections that somebody else opens."""
    loads = tuple(f"LOAD {literal(str(_verified_extension(name)))}" for name in extensions)
    # Nothing else may be loaded unchecked afterwards; DuckDB does not let this be undone.
    return (*loads, "SET GLOBAL allow_unsigned_extensions = false")


@cache
def _verified_extension(name: str) -> Path:
    """Finds an extension's file and has DuckDB check its signature, once for each state of the file.

    The check reads the whole file, 0.15 s each time; what was checked is loaded without another check. That is noted
    for this user: a file that was changed since has another time of its change, which nobody can set.
    """
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    files = list(Path(spec.origin).parent.rglob("*.duckdb_extension")) if spec and spec.origin else []
    if not files:
        raise Fault(
            f"The wheel of DuckDB's extension {name} is not installed. Nothing was opened."
            f" Install it: `uv sync`, or the package duckdb-extension-{name.replace('_', '-')}."
        )
    note = _note_of(files[0])
    if note is None or not note.exists():
        with duckdb.connect(config=_CLOSED) as strict:
            strict.execute(f"LOAD {literal(str(files[0]))}")
        if note is not None:
            with suppress(OSError):
                note.parent.mkdir(parents=True, exist_ok=True)
                note.touch()
    return files[0]


def _note_of(file: Path) -> Path | None:
    """Where it is noted that the file in its present state was checked."""
    cache = load_user_cache()
    if cache is None:
        return None
    state = file.stat()
    identity = [str(file), state.st_size, state.st_ino, state.st_mtime_ns, state.st_ctime_ns, duckdb.__version__]
    return cache / "checked-extensions" / sha256_of(identity)
