"""How long to wait before the same is tried again that did not come to an end: twice as long each time."""

from ..records.base import Record

FIRST_SECONDS, LONGEST_SECONDS = 10.0, 900.0


class Tried(Record):
    """What was tried, how often in a row, and when last, in seconds since the epoch."""

    what: str
    n: int = 1
    at: float

    @property
    def due(self) -> float:
        """When it may be tried again."""
        return self.at + min(FIRST_SECONDS * 2.0 ** (self.n - 1), LONGEST_SECONDS)

    def is_due(self, now: float) -> bool:
        """Whether it may be tried again; what would wait for longer than anything does was tried before the clock was
        set back.
        """
        return now >= self.due or self.due > now + LONGEST_SECONDS

    def says(self, now: float) -> str:
        """Returns how often it was tried and how long it waits, for a person."""
        times = "once" if self.n == 1 else f"{self.n} times"
        return f"tried {times} with the same inputs; tried again in {max(self.due - now, 0):.0f} s"


def try_again(before: Tried | None, what: str, now: float) -> Tried | None:
    """Returns the attempt to make now, `None` where the last one of the same was too short a time ago."""
    if before is None or before.what != what:
        return Tried(what=what, at=now)
    return Tried(what=what, n=before.n + 1, at=now) if before.is_due(now) else None
