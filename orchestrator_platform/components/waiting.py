"""How long a sensor waits inside its tick. Dagster's daemon starts a tick every five seconds at most, so that one which
waits for what it looks at answers at once.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

LONGEST_SECONDS = 20.0
_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Patience:
    """`seconds` is how long a tick may take in all; none makes it look once."""

    seconds: float = LONGEST_SECONDS
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def until(self, look: Callable[[], bool]) -> Iterator[bool]:
        """Yields what each look gives, until the time is up."""
        deadline = self.clock() + self.seconds
        while True:
            yield look()
            left = deadline - self.clock()
            if left <= 0:
                return
            self.sleep(min(_LOOK_SECONDS, left))
