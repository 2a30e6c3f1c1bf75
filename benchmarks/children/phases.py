"""Clocks around functions of the platform: which part of a run took how long. They change nothing that runs."""

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any


class Phases:
    """Seconds by phase, added up over calls; for the writer's lock the longest hold as well."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.longest_lock = 0.0

    def add(self, phase: str, seconds: float) -> None:
        self.seconds[phase] = self.seconds.get(phase, 0.0) + seconds

    def watch(self, module: ModuleType, function: str, phase: str) -> None:
        """Times every call of a function, under the name by which `module` calls it."""
        watched: Callable[..., Any] = getattr(module, function)

        @functools.wraps(watched)
        def timed(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return watched(*args, **kwargs)
            finally:
                self.add(phase, time.perf_counter() - started)

        setattr(module, function, timed)

    def watch_lock(self) -> None:
        """Times how long the writer's lock is held: from having it to letting it go."""
        writer: Any = import_module("orchestrator_platform.lake.writer")
        lock: Callable[..., AbstractContextManager[None]] = writer.writer_lock

        @contextmanager
        def timed(*args: Any, **kwargs: Any) -> Iterator[None]:
            with lock(*args, **kwargs):
                started = time.perf_counter()
                try:
                    yield
                finally:
                    held = time.perf_counter() - started
                    self.add("lock", held)
                    self.longest_lock = max(self.longest_lock, held)

        writer.writer_lock = timed
