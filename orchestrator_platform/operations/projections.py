"""Brings every projection up to what is published, and says how far each has come."""

from collections.abc import Sequence
from functools import partial

from ..gate.context import Gate
from ..lake.layout import LakeLayout
from ..lake.published import cut_published
from ..lake.readers import latest_snapshot
from ..projections.journal import NAME, append_events
from ..projections.outbox import Projection, applied_snapshot, apply_outbox
from ..records.events import Event
from ..settings import Settings

# What follows every publication and rollback; Dagster's own log is told by its sensor, or at its next step.
FOLLOWING = ("journal", "Dagster's event log")


def project(gate: Gate) -> tuple[Projection, ...]:
    """Applies the outbox to every target that this process can reach."""
    return catch_up(gate.settings, gate.layout)


def catch_up(settings: Settings, layout: LakeLayout) -> tuple[Projection, ...]:
    """Does so without definitions."""
    targets = {NAME: partial(append_events, settings.home.journal)}
    state, newest = settings.home.projections, latest_snapshot(layout.catalog)
    if newest is not None and all(applied_snapshot(state, name) >= newest for name in targets):
        return tuple(Projection(name, newest, 0) for name in targets)
    return apply_outbox(cut_published(layout, settings.lock_timeout_seconds), state, targets)


def note(settings: Settings, events: Sequence[Event]) -> None:
    """Writes acts that changed nothing published straight into the journal."""
    append_events(settings.home.journal, events)
