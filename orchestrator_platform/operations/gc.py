"""Frees what the retention policy no longer keeps: the use case behind `orchestrator gc`."""

from collections.abc import Callable
from datetime import datetime

from ..authority.acts import Act
from ..gate.context import new_id, utc_now
from ..gate.upkeep import GarbageCollection
from ..lake.published import cut_for_readers, cut_published
from ..records.keys import AgentName
from ..records.upkeep import Collected, GcPlan
from .caretaking import require_caretaker
from .local_copies import unneeded_copies
from .platform import Platform
from .projections import catch_up
from .unneeded_vectors import declared_embedders, unneeded_vectors


def plan_gc(platform: Platform, *, by: str | None = None, now: Callable[[], datetime] = utc_now) -> GcPlan:
    """Returns what `collect_garbage` would free; nothing is changed. Where `by` is given, as there, for the one named.

    Raises:
        NotPermitted: The agent may not, or no agent may; a person may.
    """
    if by is not None:
        require_caretaker(platform.settings.project, Act.GC, by)
    cut_for_readers(platform.layout, platform.settings.lock_timeout_seconds)
    plan = _collection(platform, AgentName(""), now()).look().plan
    home = platform.settings.home
    vectors = unneeded_vectors(home, declared_embedders(platform), now())
    return plan.model_copy(update={"folders": (*plan.folders, *unneeded_copies(home), *vectors)})


def collect_garbage(platform: Platform, *, by: str = "", now: Callable[[], datetime] = utc_now) -> Collected:
    """Frees it.

    Args:
        by: The person or agent who does it; without a name it is the agent that may.

    Raises:
        NotPermitted: No agent may; a person may.
        LockTimeout: Another writer held the lock for too long.
        VersionDamaged: A version that is kept does not hold what its receipt says.
    """
    agent = require_caretaker(platform.settings.project, Act.GC, by)
    cut_published(platform.layout, platform.settings.lock_timeout_seconds)
    collected = _collection(platform, agent, now()).collect()
    catch_up(platform.settings, platform.layout)
    home = platform.settings.home
    copies = (
        *unneeded_copies(home, remove=True),
        *unneeded_vectors(home, declared_embedders(platform), now(), remove=True),
    )
    plan = collected.plan.model_copy(update={"folders": (*collected.plan.folders, *copies)})
    freed = collected.freed_bytes + sum(copy.size_bytes for copy in copies)
    return collected.model_copy(update={"plan": plan, "freed_bytes": freed})


def _collection(platform: Platform, agent: AgentName, now: datetime) -> GarbageCollection:
    settings = platform.settings
    return GarbageCollection(settings.home, settings.retention, agent, now, new_id(), settings.lock_timeout_seconds)
