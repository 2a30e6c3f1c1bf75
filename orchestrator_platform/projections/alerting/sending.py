"""Sends one message through one channel, within a time that is kept whatever the other side does."""

import logging
import smtplib
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, assert_never

from ...errors import AlertNotSent
from ...records.alerts import Channel, Log, Mail, Webhook
from .messages import Message, json_body, log_lines, mail_of, signature, slack_body

if TYPE_CHECKING:
    import httpx

# Trying again may help with these; with any other refusal it cannot.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.2, 5.0
# What another side says of itself is repeated in errors, but not at any length.
_LONGEST_PROBLEM = 300


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
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("ab") as log:
                log.write(log_lines(message))
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
        raise AlertNotSent(channel=channel, problem=_problem(answer)) from answer
    return answer


def _problem(error: Exception) -> str:
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= _LONGEST_PROBLEM else f"{said[: _LONGEST_PROBLEM - 1]}…"


class _PassingFailure(Exception):
    """What may go by; `after_seconds` is how long the other side asks to be left alone."""

    def __init__(self, problem: str, after_seconds: float = 0) -> None:
        super().__init__(problem)
        self.after_seconds = after_seconds


@dataclass(frozen=True)
class _Unsaid(logging.Filter):
    """Keeps lines with an address, which may be a secret, out of the log of the library that is sent with."""

    url: object

    def filter(self, record: logging.LogRecord) -> bool:
        return not isinstance(record.args, tuple) or self.url not in record.args


def _post(channel: Webhook, url: str, secret: str | None, message: Message, until: float) -> str:
    import httpx
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

    body = slack_body(message) if channel.format == "slack" else json_body(message)
    headers: dict[str, str] = {"content-type": "application/json", "user-agent": "orchestrator-platform"}
    headers |= signature(secret, message.id, message.at, body) if secret else {}
    pause = wait_random_exponential(_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS)
    retrying = Retrying(
        retry=retry_if_exception(lambda error: _may_pass(error, until)),
        stop=stop_after_attempt(channel.retries + 1),
        wait=lambda state: max(pause(state), _asked_for(state.outcome.exception() if state.outcome else None)),
        reraise=True,
    )
    with httpx.Client(timeout=channel.timeout_seconds, follow_redirects=False) as client:
        try:
            request = client.build_request("POST", url, content=body, headers=headers)
        except (httpx.InvalidURL, UnicodeError) as error:
            # The error of the library repeats the address, which may be a secret.
            raise ValueError("the address is none") from error
        log, unsaid = logging.getLogger("httpx"), _Unsaid(request.url)
        log.addFilter(unsaid)
        try:
            retrying(_post_once, client, request)
        finally:
            log.removeFilter(unsaid)
    return ""


def _may_pass(error: BaseException, until: float) -> bool:
    return isinstance(error, _PassingFailure) and time.monotonic() + error.after_seconds < until


def _asked_for(error: BaseException | None) -> float:
    return error.after_seconds if isinstance(error, _PassingFailure) else 0


def _post_once(client: "httpx.Client", request: "httpx.Request") -> None:
    import httpx

    try:
        # The answer's body says nothing that is needed, and may never end.
        answer = client.send(request, stream=True)
        answer.close()
    except (httpx.UnsupportedProtocol, UnicodeError) as error:
        raise ValueError("the address is none") from error
    except httpx.TransportError as error:
        refused = _certificate_problem(error)
        if refused:
            raise ValueError(f"its certificate is not to be trusted ({refused})") from error
        raise _PassingFailure(f"the connection broke ({type(error).__name__})") from error
    status = answer.status_code
    if status in _PASSING:
        raise _PassingFailure(f"status {status}", _retry_after(answer.headers.get("retry-after", "")))
    if not 200 <= status < 300:
        raise ValueError(f"status {status}: it is not taken; compare address, format and secret")


def _certificate_problem(error: BaseException | None) -> str:
    """Returns what is wrong with a certificate, without the host that it should be of; empty where none is to blame."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message.partition(",")[0]
        error = error.__cause__ or error.__context__
    return ""


def _retry_after(said: str) -> float:
    """Returns the seconds that a server asks for; a date is as good as nothing said, which is tried again soon."""
    return float(said) if said.isascii() and said.isdigit() else 0


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
            _log_in(server, channel.user, password)
        refused = server.send_message(mail)
    # It was taken for the others, who would get it again and again.
    return f"refused for {', '.join(sorted(refused))}" if refused else ""


def _log_in(server: smtplib.SMTP, user: str, password: str) -> None:
    try:
        server.login(user, password)
    except smtplib.SMTPAuthenticationError as error:
        # A server may repeat what it was told.
        raise ValueError(f"status {error.smtp_code}: user or password is refused") from None
    except UnicodeError:
        raise ValueError("the password holds what mail servers do not take: letters beyond ASCII") from None
