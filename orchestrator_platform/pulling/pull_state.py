"""How far the pulls of each source have come: a file of the home, which commands and sensors share."""

from datetime import datetime, timedelta
from pathlib import Path

from ..records.pulls import PullState
from ..storage import write_whole

_LONGEST_WAIT = timedelta(hours=12)


def load_state(folder: Path, source: str) -> PullState:
    """Returns the state; one that is missing or cannot be read is where everything begins."""
    try:
        return PullState.model_validate_json(state_file(folder, source).read_bytes())
    except (OSError, ValueError):
        return PullState()


def save_state(folder: Path, source: str, state: PullState) -> None:
    """Writes the state in one rename. Where it is lost, what arrives again has bytes that landing knows."""
    write_whole(state_file(folder, source), state.canonical_json().encode())


def state_file(folder: Path, source: str) -> Path:
    """Returns where the state of a source lies."""
    return folder / f"{source}.json"


def wait_after(n_failures: int, every: timedelta) -> timedelta:
    """Returns how long to leave an address alone: twice as long for each failure in a row, half a day at the most."""
    if not n_failures:
        return every
    longer: timedelta = every * (1 << min(n_failures - 1, 20))
    return max(every, min(longer, _LONGEST_WAIT))


def next_look(now: datetime, n_failures: int, every: timedelta, share: float) -> datetime:
    """Returns when to look again; `share`, between 0 and 1, spreads sources that would all ask at once."""
    return now + wait_after(n_failures, every) * (1 + 0.1 * share)
