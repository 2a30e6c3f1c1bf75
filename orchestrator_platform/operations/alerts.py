"""Tells people what they should know of: after every command that publishes, by a sensor, and on demand."""

from collections.abc import Sequence
from dataclasses import dataclass

from filelock import FileLock, Timeout

from ..errors import AlertNotSent, Misuse
from ..gate.context import Gate
from ..projections.alerting.messages import Message
from ..projections.alerting.sending import Sender
from ..projections.alerting.told import Telling
from ..records.alerts import AlertOptions, Cause, Delivery
from ..settings import load_secret
from .alert_causes import find_causes

LOG = "alerts.jsonl"
_ALL = AlertOptions()


@dataclass(frozen=True)
class Tried:
    """What came of a test of one channel; `problem` is empty where it was taken."""

    channel: str
    problem: str


def raise_alerts(gate: Gate) -> tuple[Delivery, ...]:
    """Tells what is new, where the project declares alerts. It never fails: what went wrong is noted, and said."""
    if gate.alerts is None:
        return ()
    try:
        told = send_alerts(gate)
    except Exception as error:  # noqa: BLE001  # what is told of a publication never makes it look undone
        gate.say(f"Nobody was told what happened: {type(error).__name__}: {error}")
        return ()
    for problem in dict.fromkeys(each.error for each in told if each.error and each.sent_at is None):
        gate.say(problem)
    return told


def send_alerts(gate: Gate) -> tuple[Delivery, ...]:
    """Tells each channel what it was not told yet, and returns how everything that lasts stands.

    Where another process is telling people now, that one tells them; what it misses is told at the next occasion.

    Raises:
        Misuse: The project declares no alerts.
        StorageFailed: What was told cannot be noted.
    """
    options = _declared(gate)
    folder = gate.settings.home.projections
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".alerts.lock", timeout=0):
            return _telling(gate, options).tell(find_causes(gate, options.about), options.channels, gate.now())
    except Timeout:
        return read_alerts(gate)


def read_alerts(gate: Gate) -> tuple[Delivery, ...]:
    """Returns every cause that lasts for each channel, as it stands. Tells nobody.

    Raises:
        Misuse: The project declares no alerts.
    """
    options = _declared(gate)
    return _telling(gate, options).pending(find_causes(gate, options.about), options.channels)


def read_causes(gate: Gate) -> tuple[Cause, ...]:
    """Returns what people should know of now, whether or not the project declares whom to tell."""
    return find_causes(gate, (gate.alerts or _ALL).about)


def try_channels(gate: Gate) -> Sequence[Tried]:
    """Sends a message without a cause to every channel.

    Raises:
        Misuse: The project declares no alerts.
    """
    options, tried = _declared(gate), []
    sender, message = _sender(gate), Message(options.project, (), gate.now(), is_test=True)
    for channel in options.channels:
        try:
            tried.append(Tried(channel.name, sender.send(channel, message)))
        except AlertNotSent as error:
            tried.append(Tried(channel.name, str(error)))
    return tried


def _declared(gate: Gate) -> AlertOptions:
    if gate.alerts is None:
        raise Misuse(
            "The project declares no alerts, so nobody is told of anything. Declare an AlertsComponent: docs/alerts.md."
        )
    return gate.alerts


def _telling(gate: Gate, options: AlertOptions) -> Telling:
    return Telling(gate.settings.home.projections, _sender(gate), options.project)


def _sender(gate: Gate) -> Sender:
    return Sender(gate.settings.home.journal / LOG, load_secret)
