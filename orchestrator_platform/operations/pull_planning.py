"""What a pull would find, and whether it is time for one. Brings nothing."""

from dataclasses import dataclass

from ..errors import LockTimeout, PullRefused
from ..gate.context import Gate
from ..pulling.failures import PassingFailure
from ..pulling.http_file import Clock
from ..pulling.pull_state import load_state, save_state
from ..records.pulls import HttpPull, PullState
from .pull_git import look_at_commits
from .pull_http import look_at_file
from .pulling_sources import declared_pull, pulled_alone, pulling_git, pulling_place, source_name


@dataclass(frozen=True)
class PullPlan:
    """How one source stands: `found` is what a pull would find, or why that could not be said."""

    source: str
    url: str
    enabled: bool
    state: PullState
    found: str


def plan_pull(gate: Gate, source: str) -> PullPlan:
    """Returns what a pull would find; nothing is brought or noted, and one that is switched off asks nobody.

    Raises:
        Misuse: As for `pull`.
    """
    declaration, options = declared_pull(gate, source)
    name = source_name(declaration)
    state = load_state(gate.settings.home.pulls, name)
    if not options.enabled:
        return PullPlan(name, options.url, enabled=False, state=state, found="switched off: nobody was asked")
    place = pulling_place(gate, name, options, Clock(), _nothing_saved)
    try:
        if isinstance(options, HttpPull):
            found = look_at_file(options, state, place)
        else:
            found = look_at_commits(options, state, pulling_git(options, place))
    except (PassingFailure, PullRefused) as error:
        found = f"it cannot be asked now: {error}"
    return PullPlan(name, options.url, enabled=True, state=state, found=found)


def claim_pull(gate: Gate, source: str) -> str:
    """Returns why a pull is not due, nothing where it is; then it is noted as asked for, so that nobody asks twice.

    A pull that is asked for and never begins is due again after the source's usual time.
    """
    declaration, options = declared_pull(gate, source)
    folder, name, now = gate.settings.home.pulls, source_name(declaration), gate.now()
    try:
        with pulled_alone(gate, declaration):
            state = load_state(folder, name)
            if state.next_at is not None and now < state.next_at:
                return _told_wait(state)
            save_state(folder, name, state.model_copy(update={"next_at": now + options.every.length()}))
    except LockTimeout:
        return "it is pulled right now"
    return ""


def _told_wait(state: PullState) -> str:
    until = f"the next look is at {state.next_at:%Y-%m-%d %H:%M:%S}Z" if state.next_at else "it is due"
    if state.n_failures:
        tries = "try" if state.n_failures == 1 else "tries"
        return f"{until}, after {state.n_failures} {tries} that failed: {state.problem}"
    looked = f"looked at {state.looked_at:%Y-%m-%d %H:%M:%S}Z" if state.looked_at else "never looked at yet"
    arrived = f", files came last at {state.arrived_at:%Y-%m-%d %H:%M:%S}Z" if state.arrived_at else ""
    return f"{until}; {looked}{arrived}"


def _nothing_saved(_state: PullState) -> None:
    """A look keeps nothing."""
