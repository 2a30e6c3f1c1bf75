"""Gives the served snapshot a name that never moves."""

from datetime import datetime

from ..errors import Misuse
from ..lake.commit import Commit
from ..lake.layout import LakeLayout
from ..lake.writer import open_writer
from ..records.events import Event
from ..records.keys import AgentName
from ..records.retractions import Release, release_name


def name_release(
    layout: LakeLayout,
    name: str,
    agent: AgentName,
    why: str,
    *,
    lock_timeout_seconds: float,
    now: datetime,
    event_id: str,
) -> Release:
    """Returns the release of what serves now; the record of it is a snapshot of its own, just after.

    Raises:
        Misuse: The name is taken or has characters that are not safe everywhere.
    """
    require_name(name)
    with open_writer(layout, lock_timeout_seconds) as writer:
        taken = next((release for release in writer.releases() if release.name == name), None)
        if taken is not None:
            raise Misuse(
                f"Release {name} names snapshot {taken.snapshot} since {taken.released_at:%Y-%m-%d %H:%M:%S}Z and never"
                " moves. Nothing was changed. Choose another name; `orchestrator releases` lists those there are."
            )
        if not writer.heads():
            raise Misuse("Nothing has been published yet, so there is nothing to name. Land and build first.")
        release = Release(name=name, snapshot=writer.last_snapshot(), released_at=now, agent=agent, why=why)
        event = Event(
            id=event_id,
            at=now,
            agent=agent,
            act="release",
            subject=name,
            outcome="named",
            reason=why,
            details={"snapshot": release.snapshot},
        )
        writer.commit(Commit(events=(event,), releases=(release,)))
        return release


def require_name(name: str) -> None:
    """Raises Misuse where the text cannot name a release."""
    try:
        release_name(name)
    except ValueError as error:
        raise Misuse(f"{error}. Nothing was changed.") from error
