"""What writes to a home tells of a full disk and of lost files in one way, whoever calls it."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import duckdb

from ..gate.context import Gate
from ..storage import table_file_damage, writing

P = ParamSpec("P")
R = TypeVar("R")


def stores(work: Callable[Concatenate[Gate, P], R]) -> Callable[Concatenate[Gate, P], R]:
    """Returns the use case, which raises StorageFailed where the home cannot be written, and TableFileDamaged where a
    published file cannot be read.
    """

    @wraps(work)
    def storing(gate: Gate, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with writing(gate.settings.home.root):
            try:
                return work(gate, *args, **kwargs)
            except duckdb.Error as error:
                damage = table_file_damage(error, gate.layout.root)
                if damage is None:
                    raise
                raise damage from error

    return storing
