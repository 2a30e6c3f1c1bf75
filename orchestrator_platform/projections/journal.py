"""The journal: one append-only file of what every agent did, a JSON object per line."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import FileLock

from ..records.events import Event

NAME = "journal"


def journal_file(folder: Path) -> Path:
    """Returns where the journal lies in its folder."""
    return folder / "journal.jsonl"


def append_events(folder: Path, events: Sequence[Event]) -> int:
    """Appends the events that are not there yet, and returns how many those were.

    A line that a crash cut short is closed first, so that what follows stays readable.
    """
    if not events:
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".journal.lock"):
        file = journal_file(folder)
        known = {event.id for event in read_journal(folder)}
        fresh = [event for event in events if event.id not in known]
        with file.open("ab") as journal:
            if journal.tell() and not _ends_with_newline(file):
                journal.write(b"\n")
            journal.write("".join(event.canonical_json() + "\n" for event in fresh).encode())
            journal.flush()
            os.fsync(journal.fileno())
    return len(fresh)


def read_journal(folder: Path) -> Iterator[Event]:
    """Yields the events, oldest first; a line that a crash cut short is passed over."""
    file = journal_file(folder)
    if not file.exists():
        return
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.strip():
                try:
                    yield Event.model_validate_json(line)
                except ValueError:
                    continue


def _ends_with_newline(file: Path) -> bool:
    with file.open("rb") as reading:
        reading.seek(-1, os.SEEK_END)
        return reading.read(1) == b"\n"
