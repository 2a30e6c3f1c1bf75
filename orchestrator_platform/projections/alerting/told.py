"""What was told where: one file of the home. Lost, everything that lasts is told once more."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from ...errors import AlertNotSent, StorageFailed
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

        Raises:
            StorageFailed: What was told cannot be noted.
        """
        stand = [_noticed(each, now) for each in self.pending(causes, channels)]
        # Noted before, so that what is sent again after a kill has the same id. People are told on a full disk too.
        with suppress(StorageFailed):
            self._note(stand)
        for channel in channels:
            stand = self._tell_one(stand, channel, now)
            # And after each channel, so that a kill at the next one tells nobody twice.
            self._note(stand)
        return tuple(stand)

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

    def _tell_one(self, stand: Sequence[Delivery], channel: Channel, now: datetime) -> list[Delivery]:
        news = [each for each in stand if each.channel == channel.name and each.sent_at is None]
        if not news:
            return list(stand)
        noticed_at = max(each.noticed_at or now for each in news)
        message = Message(self.project, tuple(each.cause for each in news), now, noticed_at=noticed_at)
        try:
            remark = self.sender.send(channel, message)
        except AlertNotSent as error:
            became = {each.cause.id: _failed(each, error) for each in news}
        else:
            became = {each.cause.id: each.model_copy(update={"sent_at": now, "error": remark}) for each in news}
        return [became.get(each.cause.id, each) if each.channel == channel.name else each for each in stand]

    def _known(self) -> Mapping[tuple[str, str], Delivery]:
        return {(each.cause.id, each.channel): each for each in self.noted()}

    def _note(self, stand: Sequence[Delivery]) -> None:
        if tuple(stand) != self.noted():
            said = [each.model_dump(mode="json") for each in stand]
            write_whole(self.state / FILE, json.dumps(said).encode())


def _noticed(delivery: Delivery, now: datetime) -> Delivery:
    return delivery if delivery.noticed_at else delivery.model_copy(update={"noticed_at": now})


def _failed(delivery: Delivery, error: AlertNotSent) -> Delivery:
    return delivery.model_copy(update={"n_failed": delivery.n_failed + 1, "error": str(error)})
