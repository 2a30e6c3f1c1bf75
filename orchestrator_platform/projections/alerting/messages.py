"""A message to people about some causes: its words, and the bytes that each kind of channel sends."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage

from ...records.alerts import Cause
from ...records.base import sha256_of

_MOST_LISTED = 50
_LONGEST = 600
_SECRET_PREFIX = "whsec_"  # noqa: S105 (how the standard marks a secret, not one)


@dataclass(frozen=True)
class Message:
    """All that is new at one occasion. `is_test` says that there is no cause but somebody who tries the channel."""

    project: str
    causes: tuple[Cause, ...]
    at: datetime
    is_test: bool = False

    @property
    def id(self) -> str:
        """The same for the same causes, so that a receiver knows a message that was sent again."""
        return f"msg_{sha256_of([self.project, *sorted(cause.id for cause in self.causes)])[:32]}"

    @property
    def title(self) -> str:
        if self.is_test:
            return f"[{self.project}] a test of this channel"
        first = self.causes[0]
        more = f" and {len(self.causes) - 1} more" if len(self.causes) > 1 else ""
        return _one_line(f"[{self.project}] {first.subject} {first.about}{more}")

    @property
    def lines(self) -> Sequence[str]:
        """One line for each cause, as many as somebody reads."""
        listed = [_one_line(cause.line) for cause in self.causes[:_MOST_LISTED]]
        left = len(self.causes) - len(listed)
        return [*listed, *([f"… and {left} more: `orchestrator alerts`"] if left else [])]


def json_body(message: Message) -> bytes:
    """Returns the message as JSON, all causes in it."""
    said = {
        "project": message.project,
        "title": message.title,
        "sent_at": message.at.isoformat(),
        "test": message.is_test,
        "alerts": [cause.model_dump(mode="json") for cause in message.causes],
    }
    return json.dumps(said, ensure_ascii=False).encode()


def slack_body(message: Message) -> bytes:
    """Returns the message as Slack's incoming webhooks take it; nothing in it is a mention or a link."""
    lines = [f"*{_slack(message.title)}*", *(f"• {_slack(line)}" for line in message.lines)]
    return json.dumps({"text": "\n".join(lines)}, ensure_ascii=False).encode()


def mail_of(message: Message, sender: str, recipients: Sequence[str]) -> EmailMessage:
    """Returns the message as mail; sent again it has the same id."""
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = message.title, sender, ", ".join(recipients)
    mail["Date"] = message.at
    mail["Message-ID"] = f"<{message.id}@{sender.rpartition('@')[2]}>"
    mail.set_content("\n\n".join([message.title, *message.lines]) + "\n")
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


def _slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _one_line(text: str) -> str:
    words = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"
