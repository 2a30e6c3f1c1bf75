"""What an agent did, why, from what and with what outcome: one line of the journal."""

from datetime import datetime
from typing import Any

from pydantic import Field

from .base import Record
from .keys import AgentName


class Event(Record):
    """`id` is unique for ever, so that applying an event twice changes nothing."""

    id: str
    at: datetime
    agent: AgentName
    act: str
    subject: str
    outcome: str
    reason: str = ""
    on_behalf_of: str = ""
    inputs: dict[str, Any] = Field(default_factory=dict)
    details: dict[str, Any] = Field(default_factory=dict)
