"""What writes to a home tells of a full disk and of lost files in one way, whoever calls it."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import duckdb

from ..errors import OrchestratorError, ReadersCopyDamaged
from ..gate.context import Gate
from ..lake.catalog import guarding_readers
from ..lake.published import renew_readers_copy
from ..storage import table_file_damage, writing

P = ParamSpec("P")
R = TypeVar("R")


def stores(work: Callable[Concatenate[Gate, P], R]) -> Callable[Concatenate[Gate, P], R]:
    """Returns the use case, which raises what `storing` raises."""

    @wraps(work)
    def stored(gate: Gate, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with storing(gate):
            return work(gate, *args, **kwargs)

    return stored


@contextmanager
def storing(gate: Gate) -> Iterator[None]:
    """Tells of what the home broke inside.

    Raises:
        StorageFailed: The home cannot be written.
        TableFileDamaged: A published file cannot be read.
        ReadersCopyDamaged: The readers' copy of the catalog cannot be read.
    """
    with writing(gate.settings.home.root):
        try:
            with guarding_readers(gate.layout):
                yield
        except ReadersCopyDamaged:
            # Whoever tries again finds it whole.
            with suppress(OrchestratorError, OSError, duckdb.Error, sqlite3.Error):
                renew_readers_copy(gate.layout, 0)
            raise
        except duckdb.Error as error:
            damage = table_file_damage(error, gate.layout.root)
            if damage is None:
                raise
            raise damage from error
