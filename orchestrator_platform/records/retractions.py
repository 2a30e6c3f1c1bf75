"""What was taken back, and the names given to snapshots."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator

from .base import Record
from .keys import AgentName, AssetKey, Snapshot, Version

_NAME_LIMIT = 63
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")


def release_name(text: str) -> str:
    """Returns the text where it can name a release.

    Raises:
        ValueError: It is empty, too long, begins with a sign or has a character that is not safe everywhere.
    """
    if not text or len(text) > _NAME_LIMIT or not text[0].isalnum() or not set(text) <= _NAME_CHARACTERS:
        raise ValueError(
            f"{text!r} cannot name a release: use at most {_NAME_LIMIT} lower case letters, digits and . _ -"
            " and begin with a letter or digit"
        )
    return text


class Retraction(Record):
    """One version that may not serve, because of one asset that was rolled back.

    `cause` is the asset itself where the version was taken back, else the asset from whose retracted
    versions it was made. `entry` is the quarantine entry that stands for a raw table's rows.
    """

    asset: AssetKey
    version: Version
    cause: AssetKey
    fingerprint: str
    snapshot: Snapshot
    entry: int | None
    why: str

    @property
    def is_direct(self) -> bool:
        return self.cause == self.asset

    @property
    def identity(self) -> tuple[AssetKey, Version, AssetKey]:
        return self.asset, self.version, self.cause


class Release(Record):
    """One snapshot over all assets under a name that never moves."""

    name: Annotated[str, AfterValidator(release_name)]
    snapshot: Snapshot
    released_at: datetime
    agent: AgentName
    why: str
