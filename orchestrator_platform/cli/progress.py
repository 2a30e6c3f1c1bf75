"""One line on stderr that says what is being done, from the second second on, and only in a terminal."""

import shutil
import sys
import time
from collections.abc import Callable
from threading import Event, Thread
from typing import Self, TextIO

from .text import shorten

QUIET_SECONDS = 2.0
_TICK_SECONDS = 0.25


class Progress:
    """A line that is drawn anew a few times a second and is gone at the end.

    `say` takes what is being done, `advance` how many of how many are done.
    """

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._clock = clock
        self._began = clock()
        self._message, self._counted = "", ""
        self._drawn = False
        self._over = Event()
        self._thread = Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Self:
        if self._stream.isatty():
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._drawn:
            self._write("\r\x1b[K")

    def say(self, message: str) -> None:
        self._message, self._counted = message, ""

    def advance(self, done: int, of: int) -> None:
        self._counted = f" {done:,}/{of:,}"

    def draw(self) -> None:
        """Draws the line once enough time has passed."""
        seconds = self._clock() - self._began
        if seconds < QUIET_SECONDS:
            return
        size = max(shutil.get_terminal_size().columns - 1, 20)
        tail = f"{self._counted} · {seconds:,.0f} s"
        line = shorten(self._message or "working", max(size - len(tail), 8)) + tail
        self._write(f"\r\x1b[K{line}")
        self._drawn = True

    def _tick(self) -> None:
        while not self._over.wait(_TICK_SECONDS):
            self.draw()

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            # Nobody watches any more; that must not stop the work.
            self._over.set()
