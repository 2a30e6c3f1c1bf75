"""What was told where: one file of the home. Lost, everything that lasts is told once more."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from ...errors import AlertNotSent
from ...records.alerts import Cause, Channel, Delivery
from ...storage import write_whole
from .messages import Message
from .sending import Sender

FILE = "alerts.json"


@dataclass(frozen=True)
class Telling:
    """Tells causes to channels, each once for as long as it lasts. `state` is the folder of the file."""

    state: Path
    sender: Sender
    project: str

    def tell(self, causes: Sequence[Cause], channels: Sequence[Channel], now: datetime) -> tuple[Delivery, ...]:
        """Sends what a channel was not told yet; what fails is noted, and sent with what is new the next time.

        A cause that does not last any more is forgotten: it is told again where it comes back.
        """
        deliveries: list[Delivery] = []
        for place, channel in enumerate(channels):
            deliveries += self._tell_one(causes, channel, now)
            # Noted after each channel, so that a kill at the next one tells nobody twice.
            later = {other.name for other in channels[place + 1 :]}
            self._note([*deliveries, *(each for each in self.noted() if each.channel in later)])
        return tuple(deliveries)

    def noted(self) -> tuple[Delivery, ...]:
        """Returns what is known of the causes that lasted when people were last told."""
        try:
            said = json.loads((self.state / FILE).read_bytes())
            return tuple(Delivery.model_validate(each) for each in said)
        except (OSError, ValueError, TypeError, ValidationError):
            return ()

    def pending(self, causes: Sequence[Cause], channels: Sequence[Channel]) -> tuple[Delivery, ...]:
        """Returns each cause for each channel, as it stands; sends nothing."""
        known = self._known()
        return tuple(
            known.get((cause.id, channel.name), Delivery(cause=cause, channel=channel.name)).model_copy(
                update={"cause": cause}
            )
            for channel in channels
            for cause in causes
        )

    def _tell_one(self, causes: Sequence[Cause], channel: Channel, now: datetime) -> Iterable[Delivery]:
        stand = self.pending(causes, [channel])
        news = tuple(each.cause for each in stand if each.sent_at is None)
        if not news:
            return stand
        try:
            remark = self.sender.send(channel, Message(self.project, news, now))
        except AlertNotSent as error:
            return [each if each.sent_at else _failed(each, error) for each in stand]
        return [each if each.sent_at else each.model_copy(update={"sent_at": now, "error": remark}) for each in stand]

    def _known(self) -> Mapping[tuple[str, str], Delivery]:
        return {(each.cause.id, each.channel): each for each in self.noted()}

    def _note(self, deliveries: Sequence[Delivery]) -> None:
        stand = [each.model_dump(mode="json") for each in deliveries]
        write_whole(self.state / FILE, json.dumps(stand, ensure_ascii=False).encode())


def _failed(delivery: Delivery, error: AlertNotSent) -> Delivery:
    return delivery.model_copy(update={"n_failed": delivery.n_failed + 1, "error": str(error)})
