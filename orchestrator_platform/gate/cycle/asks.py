"""Commits what a person is asked to start, and the answers: as events in the lake, so that a crash loses none."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

from filelock import FileLock, Timeout

from ...authority.acts import Act
from ...authority.permissions import Person, require
from ...errors import AskSettled, Misuse
from ...lake.history import read_asking_events
from ...lake.lock import writer_lock
from ...lake.published import PublishedCut
from ...records.asks import Ask, AskState, Evidence, asks_of, is_news
from ...records.events import Event
from ...records.keys import AgentName, AssetKey, Version
from ..context import Gate
from ..publish import Publication
from .approval import require_no_agent
from .order import publish_in


@dataclass(frozen=True)
class Wanted:
    """What an agent would have started, and the evidence for it."""

    asset: AssetKey
    evidence: Evidence


def asks_in(cut: PublishedCut) -> tuple[Ask, ...]:
    """Returns everything that was ever asked, by number, as it stands beside what serves in the cut."""
    with closing(cut.connect()) as connection:
        return tuple(ask.seen_from(_served(cut, ask.asset)) for ask in asks_of(read_asking_events(connection)))


def ask_in(cut: PublishedCut, number: int) -> Ask:
    """Returns one ask.

    Raises:
        Misuse: There is none of that number.
    """
    found = next((ask for ask in asks_in(cut) if ask.number == number), None)
    if found is None:
        raise Misuse(f"Nothing was asked under the number {number}. Look: `orchestrator asks --all`.")
    return found


def commit_asks(gate: Gate, agent: AgentName, wanted: Sequence[Wanted], reason: str) -> tuple[Ask, ...]:
    """Asks for what was not asked for already, in one snapshot; returns what is new.

    Raises:
        NotPermitted: The agent may not ask.
    """
    require(gate.principals[agent], Act.ASK, None, gate.seats)
    with writer_lock(gate.layout.asks_lock, gate.settings.lock_timeout_seconds):
        cut = _cut(gate)
        asked = asks_in(cut)
        news = [each for each in wanted if is_news(asked, each.asset, _served(cut, each.asset), each.evidence)]
        if news:
            events = tuple(_ask_event(gate, agent, each, _served(cut, each.asset), reason) for each in news)
            publish_in(gate, Publication(judged=(), agent=agent, reason=reason, events=events))
        return asks_in(_cut(gate))[len(asked) :]


@contextmanager
def at_work_on(gate: Gate, asked: Sequence[Ask]) -> Iterator[None]:
    """Holds the asks' assets for the body, so that one answer at a time is given and carried out. The operating system
    lets go of them where their holder dies.

    Raises:
        AskSettled: Somebody else holds one: the work that was asked for goes on.
    """
    with ExitStack() as held:
        for ask in {each.asset: each for each in sorted(asked, key=lambda each: (each.asset, each.number))}.values():
            lock = FileLock(
                gate.layout.asks_lock.with_name(f"{gate.layout.asks_lock.stem}.{ask.asset}.lock"), timeout=0
            )
            try:
                held.enter_context(lock)
            except Timeout as error:
                who = ask_in(_cut(gate), ask.number).answered_by or "somebody else"
                state = f"answered by {who}, and the work that follows goes on"
                raise AskSettled(number=ask.number, asset=ask.asset, state=state) from error
        yield


def commit_answers(
    gate: Gate, numbers: Sequence[int], person: Person, state: AskState, reason: str, outcomes: Mapping[int, str]
) -> tuple[Ask, ...]:
    """Answers asks in one snapshot, and returns them as they stand afterwards.

    Args:
        outcomes: What became of the work, by number, where `state` is DONE.

    Raises:
        Misuse: There is no such ask.
        AskSettled: It was answered before, or another version serves by now.
        NotPermitted: The name is an agent's.
    """
    require(person, Act.APPROVE, None, gate.seats)
    require_no_agent(gate, person)
    with writer_lock(gate.layout.asks_lock, gate.settings.lock_timeout_seconds):
        before = _cut(gate)
        answered = [ask_in(before, number) for number in numbers]
        for ask in answered:
            _require_answerable(ask, state)
        events = tuple(
            _answer_event(gate, ask, person, state, reason, outcomes.get(ask.number, "")) for ask in answered
        )
        publish_in(gate, Publication(judged=(), agent=person.name, reason=reason, events=events))
        after = _cut(gate)
        return tuple(ask_in(after, number) for number in numbers)


def _require_answerable(ask: Ask, state: AskState) -> None:
    # Whoever did the work tells its end whatever serves by then: that it is another version is what it was for.
    ended = state is AskState.DONE and ask.answered_by is not None
    closed = state is AskState.DENIED
    if not (ask.waits or (ask.state is AskState.OVERTAKEN and (ended or closed))):
        raise AskSettled(number=ask.number, asset=ask.asset, state=ask.state)


def _cut(gate: Gate) -> PublishedCut:
    return gate.cut()


def _served(cut: PublishedCut, asset: AssetKey) -> Version | None:
    head = cut.heads.get(asset)
    return None if head is None or head.withdrawn else head.version


def _ask_event(gate: Gate, agent: AgentName, wanted: Wanted, version: Version | None, reason: str) -> Event:
    return Event(
        id=gate.new_id(),
        at=gate.now(),
        agent=agent,
        act=Act.ASK,
        subject=wanted.asset,
        outcome="asked",
        reason=reason,
        inputs={"version": version},
        details={"evidence": wanted.evidence.model_dump(mode="json")},
    )


def _answer_event(gate: Gate, ask: Ask, person: Person, state: AskState, reason: str, outcome: str) -> Event:
    return Event(
        id=gate.new_id(),
        at=gate.now(),
        agent=person.name,
        act=Act.APPROVE,
        subject=ask.asset,
        outcome=state,
        reason=reason,
        inputs={"ask": ask.number},
        details={"trigger": ask.evidence.trigger, **({"outcome": outcome} if outcome else {})},
    )
