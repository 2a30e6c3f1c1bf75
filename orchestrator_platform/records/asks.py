"""What a person is asked to start, and what became of it: derived from committed events, never stored by itself."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from .base import Record
from .events import Event
from .keys import AgentName, AssetKey, Version

ASK, ANSWER = "ask", "approve"


class AskState(StrEnum):
    """OPEN: nobody answered. APPROVED: a person said yes, and the work did not come to its end. DONE: it did, with
    whatever outcome. DENIED: a person said no. OVERTAKEN: another version serves by now than the one it is about;
    never stored, always derived.
    """

    OPEN = "open"
    APPROVED = "approved"
    DONE = "done"
    DENIED = "denied"
    OVERTAKEN = "overtaken"


class Evidence(Record):
    """Why something is asked for: `trigger` names the rule, whose `measured` value is at or beyond its `limit`."""

    trigger: str = Field(min_length=1)
    measured: float
    limit: float = Field(gt=0)
    says: str
    details: dict[str, Any] = Field(default_factory=dict)


class Ask(Record):
    """`number` counts all that was ever asked; `version` is the one that served when it was asked.

    `reason` is the person's, `outcome` what became of the work.
    """

    number: int
    asset: AssetKey
    version: Version | None
    evidence: Evidence
    asked_by: AgentName
    asked_at: datetime
    state: AskState = AskState.OPEN
    answered_by: AgentName | None = None
    answered_at: datetime | None = None
    reason: str = ""
    outcome: str = ""

    @property
    def waits(self) -> bool:
        """Whether a person can still answer it."""
        return self.state in (AskState.OPEN, AskState.APPROVED)

    def seen_from(self, served: Version | None) -> "Ask":
        """Returns it as it stands where this version serves."""
        overtaken = self.waits and self.version != served
        return self.model_copy(update={"state": AskState.OVERTAKEN}) if overtaken else self

    def covers(self, version: Version | None, evidence: Evidence) -> bool:
        """Whether this evidence was asked about already.

        What waits for an answer covers all evidence of its rule. What was answered covers it until the measure has
        gone on by the limit once more.
        """
        if self.evidence.trigger != evidence.trigger or self.version != version:
            return False
        return self.waits or evidence.measured < self.evidence.measured + self.evidence.limit


def is_news(asked: Sequence[Ask], asset: AssetKey, version: Version | None, evidence: Evidence) -> bool:
    """Whether no ask about the asset covers the evidence."""
    return not any(ask.asset == asset and ask.covers(version, evidence) for ask in asked)


def asks_of(events: Iterable[Event]) -> tuple[Ask, ...]:
    """Returns what was asked and answered, by number; `events` come in the order in which they were committed."""
    asks: list[Ask] = []
    for event in events:
        if event.act == ASK and "evidence" in event.details:
            asks.append(_asked(len(asks) + 1, event))
        elif event.act == ANSWER and "ask" in event.inputs:
            place = int(event.inputs["ask"]) - 1
            if 0 <= place < len(asks):
                asks[place] = _answered(asks[place], event)
    return tuple(asks)


def _asked(number: int, event: Event) -> Ask:
    return Ask(
        number=number,
        asset=AssetKey(event.subject),
        version=event.inputs.get("version"),
        evidence=Evidence.model_validate(event.details["evidence"]),
        asked_by=event.agent,
        asked_at=event.at,
    )


def _answered(ask: Ask, event: Event) -> Ask:
    state = AskState(event.outcome)
    if state is AskState.DONE:
        return ask.model_copy(update={"state": state, "outcome": event.details.get("outcome", "")})
    answer = {"answered_by": event.agent, "answered_at": event.at, "reason": event.reason}
    return ask.model_copy(update={"state": state, **answer})
