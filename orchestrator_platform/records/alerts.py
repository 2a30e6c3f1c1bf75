"""What people are told of without asking, and where: the causes, and the channels that a project declares."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, model_validator

from .addresses import require_address, require_variable_name
from .base import Record, sha256_of


class About(StrEnum):
    """REJECTED: a candidate, or a landed file as a whole. ESCALATED: a candidate that a person must approve. LATE:
    older than promised. LAGGING: a serving copy that could not follow. ASKED: something that only a person may start.
    ROWS: single rows of landed files that were put aside.
    """

    REJECTED = "rejected"
    ESCALATED = "escalated"
    LATE = "late"
    LAGGING = "lagging"
    ASKED = "asked"
    ROWS = "rows"


class Cause(Record):
    """Something that people are told of once, for as long as it lasts. `id` is the same for the same cause.

    `look` is the command that shows more.
    """

    id: str
    about: About
    subject: str
    says: str
    look: str
    since: datetime | None = None

    @property
    def line(self) -> str:
        """The cause in one line."""
        return f"{self.subject} {self.about}: {self.says} Look: {self.look}"


class Log(Record):
    """A line of JSON for each cause, in the home's `journal/alerts.jsonl`."""

    kind: Literal["log"] = "log"

    @property
    def name(self) -> str:
        return "log"


class Webhook(Record):
    """One POST for all that is new. The address stands in `url`, or in the environment variable `url_variable` where
    it is a secret itself. With `key_variable` it is signed as https://www.standardwebhooks.com says.
    """

    # An address that was pasted with its secret must not come back in a message.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Literal["webhook"] = "webhook"
    url: str | None = None
    url_variable: str | None = None
    format: Literal["json", "slack"] = "json"
    key_variable: str | None = None
    timeout_seconds: float = Field(default=10, gt=0, le=120, description="for all tries together")
    retries: int = Field(default=2, ge=0, le=10)

    @model_validator(mode="after")
    def _has_one_address(self) -> Self:
        if (self.url is None) == (self.url_variable is None):
            raise ValueError("a webhook has `url`, or `url_variable` where the address is a secret: one of them")
        if self.url is not None:
            require_address(self.url, with_path=True)
        require_variable_name(self.url_variable, "url_variable")
        require_variable_name(self.key_variable)
        return self

    @property
    def name(self) -> str:
        if self.url is None:
            return f"webhook:{self.url_variable}"
        # What follows the host may be a secret all the same.
        return f"webhook:{urlsplit(self.url).netloc}:{sha256_of(self.url)[:8]}"


class Mail(Record):
    """One message by SMTP for all that is new. The password is in the environment variable `key_variable`."""

    kind: Literal["smtp"] = "smtp"
    host: str = Field(min_length=1)
    port: int = Field(default=587, gt=0, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    recipients: tuple[Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")], ...] = Field(min_length=1)
    user: str | None = None
    key_variable: str | None = None
    timeout_seconds: float = Field(default=10, gt=0, le=120)

    @model_validator(mode="after")
    def _logs_in_safely(self) -> Self:
        require_variable_name(self.key_variable)
        if (self.user is None) != (self.key_variable is None):
            raise ValueError("`user` and `key_variable` belong together")
        if self.user is not None and self.security == "none":
            raise ValueError("a password is not sent without `security: starttls` or `tls`")
        return self

    @property
    def name(self) -> str:
        return f"smtp:{self.host}:{self.port}:{sha256_of(list(self.recipients))[:8]}"


Channel = Annotated[Log | Webhook | Mail, Field(discriminator="kind")]
_ALL_BUT_ROWS = tuple(about for about in About if about is not About.ROWS)


class AlertOptions(Record):
    """`about` lists what people are told of, `channels` where. `project` is the name by which messages begin."""

    about: tuple[About, ...] = _ALL_BUT_ROWS
    channels: tuple[Channel, ...] = Field(default=(Log(),), min_length=1)
    project: str = "orchestrator"

    @model_validator(mode="after")
    def _each_channel_once(self) -> Self:
        names = [channel.name for channel in self.channels]
        if len(set(names)) < len(names):
            raise ValueError("a channel is listed twice")
        return self


class Delivery(Record):
    """What became of one cause in one channel: come upon at `noticed_at`, told at `sent_at`, or not yet, because of
    `error`.
    """

    cause: Cause
    channel: str
    noticed_at: datetime | None = None
    sent_at: datetime | None = None
    n_failed: int = 0
    error: str = ""
