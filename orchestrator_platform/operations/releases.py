"""Names releases and lists them: the use case behind `orchestrator release` and `orchestrator releases`."""

from contextlib import closing

from ..authority.acts import Act
from ..authority.permissions import actor_named, require
from ..gate.context import Gate
from ..gate.release import name_release, require_name
from ..lake.history import read_releases
from ..records.retractions import Release
from .build import ORCHESTRATOR
from .platform import Platform
from .projections import project
from .storing import stores


@stores
def release(gate: Gate, name: str, *, why: str = "", by: str = "", dry_run: bool = False) -> Release | None:
    """Names what serves now; `None` where that was only tried.

    Raises:
        Misuse: The name is taken or unsafe, or nothing has been published yet.
        NotPermitted: The agent may not; a person may.
    """
    require_name(name)
    actor = actor_named(by or ORCHESTRATOR, gate.principals)
    require(actor, Act.RELEASE, None, gate.seats)
    if dry_run:
        return None
    named = name_release(
        gate.layout,
        name,
        actor.name,
        why,
        lock_timeout_seconds=gate.settings.lock_timeout_seconds,
        now=gate.now(),
        event_id=gate.new_id(),
    )
    project(gate)
    return named


def releases(platform: Platform) -> tuple[Release, ...]:
    """Returns every release, oldest first."""
    with closing(platform.cut().connect()) as connection:
        return read_releases(connection)
