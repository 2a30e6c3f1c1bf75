"""How long a sensor waits inside its tick. Dagster's daemon starts ticks every five seconds, so that one which waits
for what it looks at answers at once, and the longer it may wait, the less often nobody looks.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ..operations.file_events import FileEvents
from ..settings import load_stopping

# Services that are stopped wait for their ticks: only where a tick is told of that may it be long.
_TOLD_SECONDS, _UNTOLD_SECONDS = 20.0, 4.5
_LOOK_SECONDS = 0.2


def _longest_seconds() -> float:
    return _UNTOLD_SECONDS if load_stopping() is None else _TOLD_SECONDS


@dataclass(frozen=True)
class Patience:
    """`seconds` is how long a tick may take in all; none makes it look once."""

    seconds: float = field(default_factory=_longest_seconds)
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def until(self, look: Callable[[], bool]) -> Iterator[bool]:
        """Yields what each look gives, until the time is up."""
        began = self.clock()
        while True:
            yield look()
            waited = self.clock() - began
            # A clock that is set back meanwhile ends it too.
            if not 0 <= waited < self.seconds or self.is_stopped():
                return
            self.sleep(min(_LOOK_SECONDS, self.seconds - waited))

    def rest(self, events: FileEvents, seconds: float) -> None:
        """Waits for an event, so many seconds at the most."""
        began = self.clock()
        while 0 <= (waited := self.clock() - began) < seconds and not self.is_stopped():
            if events.wait(min(_LOOK_SECONDS, seconds - waited)):
                return

    def is_stopped(self) -> bool:
        """Whether the services that the tick belongs to are being stopped."""
        file = load_stopping()
        return file is not None and file.exists()
