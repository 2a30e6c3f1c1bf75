"""What writes to a home tells of a full disk in one way, whoever calls it."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from ..gate.context import Gate
from ..storage import writing

P = ParamSpec("P")
R = TypeVar("R")


def stores(work: Callable[Concatenate[Gate, P], R]) -> Callable[Concatenate[Gate, P], R]:
    """Returns the use case, which raises StorageFailed where the home cannot be written."""

    @wraps(work)
    def storing(gate: Gate, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with writing(gate.settings.home.root):
            return work(gate, *args, **kwargs)

    return storing
