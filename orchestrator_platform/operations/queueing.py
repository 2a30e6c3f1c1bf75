"""Whoever works at an asset takes a ticket; whoever comes later for the same asset waits for those before.

A ticket is a file that its holder keeps locked. The operating system lets go of the lock when the holder is gone,
however it went, so that nobody waits for the dead.
"""

import fcntl
import json
import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from ..gate.context import Gate
from ..records.keys import AssetKey

_LOOK_SECONDS = 0.1
_ENDING = ".ticket"


@dataclass(frozen=True)
class Ticket:
    """Who works at what, in the order of `number`."""

    number: int
    assets: frozenset[str]
    who: str
    file: Path


@contextmanager
def in_turn(
    gate: Gate, assets: Collection[AssetKey], who: str, *, sleep: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Waits until everybody who asked earlier for one of the assets is done; others who ask later wait for this one.

    Args:
        who: What the others are told they wait for.
    """
    if not assets:
        yield
        return
    folder = gate.settings.home.queue
    folder.mkdir(parents=True, exist_ok=True)
    held, ticket = _take(folder, gate.settings.lock_timeout_seconds, assets, who)
    try:
        for earlier in _earlier(folder, ticket):
            _wait_for(earlier, gate.say, sleep)
        yield
    finally:
        ticket.file.unlink(missing_ok=True)
        os.close(held)


def _take(folder: Path, timeout_seconds: float, assets: Collection[AssetKey], who: str) -> tuple[int, Ticket]:
    partial = folder / f".{os.getpid()}-{os.urandom(4).hex()}"
    with FileLock(folder / ".lock", timeout=timeout_seconds):
        number = max((ticket.number for ticket in _tickets(folder)), default=0) + 1
        ticket = Ticket(number, frozenset(assets), who, folder / f"{number:09d}{_ENDING}")
        partial.write_text(json.dumps({"assets": sorted(assets), "who": who}), encoding="utf-8")
        held = os.open(partial, os.O_RDONLY | os.O_CLOEXEC)
        # Locked before anybody can see it: a ticket that is not locked has lost its holder.
        fcntl.flock(held, fcntl.LOCK_EX)
        partial.replace(ticket.file)
    return held, ticket


def _tickets(folder: Path) -> Iterator[Ticket]:
    for file in sorted(folder.glob(f"*{_ENDING}")):
        with suppress(OSError, ValueError, KeyError):
            said = json.loads(file.read_text(encoding="utf-8"))
            yield Ticket(int(file.stem), frozenset(said["assets"]), str(said["who"]), file)


def _earlier(folder: Path, ticket: Ticket) -> list[Ticket]:
    return [other for other in _tickets(folder) if other.number < ticket.number and other.assets & ticket.assets]


def _wait_for(ticket: Ticket, say: Callable[[str], None], sleep: Callable[[float], None]) -> None:
    said = False
    while not _is_over(ticket):
        if not said:
            say(f"waits for {ticket.who}, which works at {', '.join(sorted(ticket.assets)[:3])}")
            said = True
        sleep(_LOOK_SECONDS)


def _is_over(ticket: Ticket) -> bool:
    try:
        reading = ticket.file.open("rb")
    except FileNotFoundError:
        return True
    with closing(reading):
        try:
            fcntl.flock(reading, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        # Its holder is gone without a word.
        ticket.file.unlink(missing_ok=True)
        return True
