"""One value that was worked out of something, kept until that something is another."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """Asked again and again, it works only where what its value follows from has changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[object, T] | None = None

    def get(self, state: object, make: Callable[[], T]) -> T:
        """Returns what `make` gave for this state, making it where the state is new."""
        with self._lock:
            if self._kept is None or self._kept[0] != state:
                self._kept = (state, make())
            return self._kept[1]
