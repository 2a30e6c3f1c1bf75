"""Waits until something happens to files below a folder: by the operating system's events, or by looking again."""

import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver

# What a reader of files does is no news.
_NEWS = frozenset({"created", "modified", "moved", "closed", "deleted"})
_LOOK_SECONDS = 1.0


class FileEvents:
    """Events below a folder, from entering on. Where the operating system gives none (too many folders are watched, or
    it knows no such thing) the folder is looked at again and again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._happened = threading.Event()
        self._observer: BaseObserver | None = None

    def __enter__(self) -> Self:
        from watchdog.observers import Observer
        from watchdog.observers.polling import PollingObserver

        self._folder.mkdir(parents=True, exist_ok=True)
        for make in (Observer, lambda: PollingObserver(timeout=_LOOK_SECONDS)):
            with suppress(OSError):
                self._observer = self._start(make())
                break
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()

    def wait(self, seconds: float) -> bool:
        """Waits until something happened since the last wait, so many seconds at the most; returns whether it did."""
        happened = self._happened.wait(seconds)
        self._happened.clear()
        return happened

    def wake(self) -> None:
        """Ends a wait; may be called from a signal's receiver or another thread."""
        self._happened.set()

    def _start(self, observer: "BaseObserver") -> "BaseObserver":
        from watchdog.events import FileSystemEvent, FileSystemEventHandler

        happened = self._happened

        class Handler(FileSystemEventHandler):
            def on_any_event(self, event: FileSystemEvent) -> None:
                if event.event_type in _NEWS:
                    happened.set()

        observer.schedule(Handler(), str(self._folder), recursive=True)
        observer.start()
        return observer
