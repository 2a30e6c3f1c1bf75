"""Sends one message through one channel, within a time that is kept whatever the other side does."""

import json
import smtplib
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, assert_never

from ...errors import AlertNotSent
from ...records.alerts import Channel, Log, Mail, Webhook
from .messages import Message, json_body, mail_of, signature, slack_body

if TYPE_CHECKING:
    import httpx

# Trying again may help with these; with any other refusal it cannot.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.2, 5.0


@dataclass(frozen=True)
class Sender:
    """`log` is the file that the channel `log` writes; `load_secret` returns the value of a variable, if it is set."""

    log: Path
    load_secret: Callable[[str], str | None]

    def send(self, channel: Channel, message: Message) -> str:
        """Sends the message, and returns what is to be remarked on: who refused it where others took it.

        Raises:
            AlertNotSent: It was not taken, or not in time. It may have arrived all the same: then it has the same id
                when it is sent again.
        """
        match channel:
            case Log():
                return self._append(message)
            case Webhook():
                post = partial(_post, channel, self._url(channel), self._secret(channel.key_variable), message)
                return _within(channel.timeout_seconds, post, channel.name)
            case Mail():
                mail = partial(_mail, channel, self._secret(channel.key_variable), message)
                return _within(channel.timeout_seconds, mail, channel.name)
            case _:
                assert_never(channel)

    def _append(self, message: Message) -> str:
        causes = message.causes or (None,)
        lines = [
            json.dumps(
                {
                    "at": message.at.isoformat(),
                    "test": message.is_test,
                    **(each.model_dump(mode="json") if each else {}),
                },
                ensure_ascii=False,
            )
            for each in causes
        ]
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("a", encoding="utf-8") as log:
                log.write("".join(f"{line}\n" for line in lines))
        except OSError as error:
            raise AlertNotSent(channel="log", problem=str(error)) from error
        return ""

    def _url(self, channel: Webhook) -> str:
        return channel.url or self._secret(channel.url_variable) or ""

    def _secret(self, variable: str | None) -> str | None:
        if variable is None:
            return None
        found = self.load_secret(variable)
        if found is None:
            raise AlertNotSent(channel=variable, problem=f"the environment variable {variable} is not set")
        return found


def _within(seconds: float, work: Callable[[float], str], channel: str) -> str:
    """Does the work in a thread that is left behind when its time is over: a server that sends a byte now and then
    keeps every timeout of a socket from ending it.
    """
    ended: SimpleQueue[str | Exception] = SimpleQueue()
    until = time.monotonic() + seconds

    def run() -> None:
        try:
            ended.put(work(until))
        except Exception as error:  # noqa: BLE001  # told to whoever waits
            ended.put(error)

    thread = threading.Thread(target=run, name=f"alert {channel}", daemon=True)
    thread.start()
    thread.join(seconds)
    answer = TimeoutError(f"no answer within {seconds:g} s") if ended.empty() else ended.get()
    if isinstance(answer, Exception):
        raise AlertNotSent(channel=channel, problem=str(answer) or type(answer).__name__) from answer
    return answer


class _PassingFailure(Exception):
    """What may go by."""


def _post(channel: Webhook, url: str, secret: str | None, message: Message, until: float) -> str:
    import httpx
    from tenacity import (
        Retrying,
        retry_if_exception_type,
        stop_after_attempt,
        stop_after_delay,
        wait_random_exponential,
    )

    body = slack_body(message) if channel.format == "slack" else json_body(message)
    headers: dict[str, str] = {"content-type": "application/json", "user-agent": "orchestrator-platform"}
    headers |= signature(secret, message.id, message.at, body) if secret else {}
    retrying = Retrying(
        retry=retry_if_exception_type(_PassingFailure),
        stop=stop_after_attempt(channel.retries + 1) | stop_after_delay(max(until - time.monotonic(), 0)),
        wait=wait_random_exponential(_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS),
        reraise=True,
    )
    with httpx.Client(timeout=channel.timeout_seconds, follow_redirects=False) as client:
        retrying(_post_once, client, url, body, headers)
    return ""


def _post_once(client: "httpx.Client", url: str, body: bytes, headers: Mapping[str, str]) -> None:
    import httpx

    try:
        # The answer's body says nothing that is needed, and may never end.
        with client.stream("POST", url, content=body, headers=headers) as answer:
            status = answer.status_code
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        # The error of the library repeats the address, which may be a secret.
        raise ValueError("the address is none") from error
    except httpx.TransportError as error:
        raise _PassingFailure(f"the connection broke ({type(error).__name__})") from error
    if status in _PASSING:
        raise _PassingFailure(f"status {status}")
    if not 200 <= status < 300:
        raise ValueError(f"status {status}: it is not taken; compare address, format and secret")


def _mail(channel: Mail, password: str | None, message: Message, until: float) -> str:
    mail = mail_of(message, channel.sender, channel.recipients)
    left = max(until - time.monotonic(), 0.1)
    context = ssl.create_default_context()
    connected = (
        smtplib.SMTP_SSL(channel.host, channel.port, timeout=left, context=context)
        if channel.security == "tls"
        else smtplib.SMTP(channel.host, channel.port, timeout=left)
    )
    with connected as server:
        if channel.security == "starttls":
            server.starttls(context=context)
        if channel.user is not None and password is not None:
            server.login(channel.user, password)
        refused = server.send_message(mail)
    # It was taken for the others, who would get it again and again.
    return f"refused for {', '.join(sorted(refused))}" if refused else ""
