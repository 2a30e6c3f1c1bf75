"""A message to people about some causes: its words, and the bytes that each kind of channel sends."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage

from ...records.alerts import Cause
from ...records.base import sha256_of

_MOST_LISTED = 50
_LONGEST = 600
# Slack cuts what is longer than 40,000 characters; the title and the last line take some of them.
_SLACK_ROOM = 36_000
_LOOK = "orchestrator alerts"
_SECRET_PREFIX = "whsec_"  # noqa: S105 (how the standard marks a secret, not one)


@dataclass(frozen=True)
class Message:
    """All that is new at one occasion. `noticed_at` is when the newest of it was first come upon, by default now;
    `is_test` says that there is no cause but somebody who tries the channel.
    """

    project: str
    causes: tuple[Cause, ...]
    at: datetime
    is_test: bool = False
    noticed_at: datetime | None = None

    @property
    def id(self) -> str:
        """The same for the same causes, so that a receiver knows a message that was sent again; another where they
        ended and came back.
        """
        noticed_at = self.noticed_at or self.at
        told = [self.project, noticed_at.isoformat(), *sorted(cause.id for cause in self.causes)]
        return f"msg_{sha256_of(told)[:32]}"

    @property
    def title(self) -> str:
        if self.is_test:
            return _one_line(f"[{self.project}] a test of this channel")
        first = self.causes[0]
        more = f" and {len(self.causes) - 1} more" if len(self.causes) > 1 else ""
        return _one_line(f"[{self.project}] {first.subject} {first.about}{more}")

    @property
    def listed(self) -> tuple[Cause, ...]:
        """As many causes as somebody reads, none of them endless."""
        return tuple(
            cause.model_copy(update={"says": _cut(cause.says), "subject": _cut(cause.subject)})
            for cause in self.causes[:_MOST_LISTED]
        )

    @property
    def n_more(self) -> int:
        """How many causes are not listed."""
        return max(len(self.causes) - _MOST_LISTED, 0)

    def lines(self, escape: Callable[[str], str] = str, room: int = _MOST_LISTED * _LONGEST) -> Sequence[str]:
        """Returns a line for each cause that is listed and has room, and one that says how many more there are.

        Args:
            room: How many characters the causes may take, as `escape` writes them.
        """
        said: list[str] = []
        for cause in self.listed:
            line = escape(_one_line(cause.line))
            room -= len(line)
            if room < 0:
                break
            said.append(line)
        left = len(self.causes) - len(said)
        return [*said, *([f"… and {left} more: `{_LOOK}`"] if left else [])]


def json_body(message: Message) -> bytes:
    """Returns the message as JSON; `more` counts what is not listed in it."""
    said = {
        "project": message.project,
        "title": message.title,
        "sent_at": message.at.isoformat(),
        "test": message.is_test,
        "alerts": [cause.model_dump(mode="json") for cause in message.listed],
        "more": message.n_more,
        "look": _LOOK,
    }
    return _json(said)


def slack_body(message: Message) -> bytes:
    """Returns the message as Slack's incoming webhooks take it; nothing in it is a mention or a link, and nothing that
    it names is fetched.
    """
    lines = [f"*{_slack(message.title)}*", *(f"• {line}" for line in message.lines(_slack, _SLACK_ROOM))]
    return _json({"text": "\n".join(lines), "unfurl_links": False, "unfurl_media": False})


def log_lines(message: Message) -> bytes:
    """Returns a line of JSON for each cause that is listed, and one that says how many more there are."""
    stamp = {"at": message.at.isoformat(), "test": message.is_test}
    said = [stamp | cause.model_dump(mode="json") for cause in message.listed]
    if message.n_more:
        said.append(stamp | {"more": message.n_more, "look": _LOOK})
    return b"".join(_json(each) + b"\n" for each in said or [stamp])


def mail_of(message: Message, sender: str, recipients: Sequence[str]) -> EmailMessage:
    """Returns the message as mail; sent again it has the same id."""
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = message.title, sender, ", ".join(recipients)
    mail["Date"] = message.at
    mail["Message-ID"] = f"<{message.id}@{sender.rpartition('@')[2]}>"
    mail.set_content("\n\n".join([message.title, *message.lines()]) + "\n")
    return mail


def signature(secret: str, message_id: str, at: datetime, body: bytes) -> Mapping[str, str]:
    """Returns the headers by which a receiver knows who sent it, and when (Standard Webhooks, symmetric, version 1).

    Raises:
        ValueError: The secret begins with `whsec_` and goes on with what is no base64.
    """
    timestamp = str(int(at.timestamp()))
    signed = b".".join([message_id.encode(), timestamp.encode(), body])
    mark = base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{mark}"}


def _key(secret: str) -> bytes:
    if not secret.startswith(_SECRET_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("the secret begins with whsec_ and goes on with what is no base64") from error


def _json(said: object) -> bytes:
    # Half a character, as in a file's name that is no UTF-8, must not keep the rest from being told.
    return json.dumps(said, ensure_ascii=False).encode("utf-8", "replace")


def _slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _one_line(text: str) -> str:
    return _cut(" ".join("".join(char if char.isprintable() else " " for char in text).split()))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
