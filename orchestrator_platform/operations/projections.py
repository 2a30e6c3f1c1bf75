"""Brings every projection up to what is published, and says how far each has come."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from ..errors import Misuse, OrchestratorError
from ..gate.context import Gate
from ..lake.layout import LakeLayout
from ..lake.published import PublishedCut, cut_published
from ..lake.readers import latest_snapshot
from ..projections.journal import NAME, append_events
from ..projections.outbox import Projection, applied_snapshot, apply_outbox
from ..projections.serving import DeclaredTarget, Projector, Serving, is_behind, remembered
from ..records.events import Event
from ..records.keys import AssetKey, Version
from ..settings import Settings
from .targets import declared_targets

# What follows every publication and rollback; Dagster's own log is told by its sensor, or at its next step.
FOLLOWING = ("journal", "Dagster's event log")


@dataclass(frozen=True)
class TargetState:
    """How far one serving copy has come. `lag` counts published versions that it does not serve yet.

    `error` is why it is behind, or cannot be asked.
    """

    target: str
    asset: AssetKey
    serving: Version | None
    published: Version | None
    lag: int
    is_behind: bool
    place: str = ""
    error: str = ""


def project(gate: Gate) -> tuple[Projection, ...]:
    """Applies the outbox to every target that this process can reach, and brings up the serving copies.

    Those that already served what is published when they were last looked at are not asked again. Then people are asked
    what monitors give reason for, and told what they should know of.
    """
    applied = _catch_up(gate.settings, gate.layout, gate.cut)
    targets = declared_targets(gate)
    if targets:
        cut = _cut(gate)
        behind = [declared for declared in targets if _is_behind_as_noted(gate, declared, cut)]
        _bring_up(gate, behind)
    # Both look at what brings assets through the gate, which ends here.
    from .alerts import raise_alerts
    from .monitor_asks import ask_where_due

    ask_where_due(gate)
    raise_alerts(gate)
    return applied


def sync(gate: Gate, names: Collection[str] = (), *, anew: bool = False) -> tuple[TargetState, ...]:
    """Brings serving copies up, by default all, and returns how far each has come.

    Args:
        anew: Make them from the lake, with nothing reused of what is there.

    Raises:
        Misuse: There is no target of that name.
    """
    targets = _named(declared_targets(gate), names)
    served = _bring_up(gate, targets, anew=anew)
    cut = _cut(gate)
    return tuple(_state(cut, item, declared.settings) for item, declared in zip(served, targets, strict=True))


def read_projections(gate: Gate) -> tuple[TargetState, ...]:
    """Returns how far each serving copy has come, as it says itself. Changes nothing."""
    cut = _cut(gate)
    return tuple(_state(cut, _asked(gate, declared), declared.settings) for declared in declared_targets(gate))


def read_lagging(gate: Gate) -> tuple[Serving, ...]:
    """Returns what is noted of the serving copies that could not be brought up; asks none of them."""
    noted = (remembered(gate.settings.home.projections, d.target.name) for d in declared_targets(gate))
    return tuple(served for served in noted if served is not None and served.error)


def catch_up(settings: Settings, layout: LakeLayout) -> tuple[Projection, ...]:
    """Applies the outbox without definitions."""
    return _catch_up(settings, layout, partial(cut_published, layout, settings.lock_timeout_seconds))


def _catch_up(settings: Settings, layout: LakeLayout, cut: Callable[[], PublishedCut]) -> tuple[Projection, ...]:
    targets = {NAME: partial(append_events, settings.home.journal)}
    state, newest = settings.home.projections, latest_snapshot(layout.catalog)
    if newest is not None and all(applied_snapshot(state, name) >= newest for name in targets):
        return tuple(Projection(name, newest, 0) for name in targets)
    return apply_outbox(cut(), state, targets)


def note(settings: Settings, events: Sequence[Event]) -> None:
    """Writes acts that changed nothing published straight into the journal."""
    append_events(settings.home.journal, events)


def _bring_up(gate: Gate, targets: Iterable[DeclaredTarget], *, anew: bool = False) -> tuple[Serving, ...]:
    settings = gate.settings
    projector = Projector(settings.home.projections, partial(_cut, gate), settings.lock_timeout_seconds)
    served: list[Serving] = []
    for declared in targets:
        gate.say(f"bringing up {declared.target.name}")
        served += projector.bring_up([declared], anew=anew)
    return tuple(served)


def _cut(gate: Gate) -> PublishedCut:
    return gate.cut_for_readers()


def _is_behind_as_noted(gate: Gate, declared: DeclaredTarget, cut: PublishedCut) -> bool:
    noted = remembered(gate.settings.home.projections, declared.target.name)
    return is_behind(noted, cut.heads.get(declared.target.asset), declared.settings)


def _named(targets: Sequence[DeclaredTarget], names: Collection[str]) -> Sequence[DeclaredTarget]:
    known = {declared.target.name: declared for declared in targets}
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        listed = ", ".join(sorted(known)) or "none"
        raise Misuse(f"There is no projection {unknown!r}. Known: {listed}. Look: `orchestrator projections`.")
    return [known[name] for name in dict.fromkeys(names)] if names else targets


def _asked(gate: Gate, declared: DeclaredTarget) -> Serving:
    """What the target says of itself; what went wrong when it was last brought up is in its note."""
    target = declared.target
    noted = remembered(gate.settings.home.projections, target.name) or Serving(target=target.name, asset=target.asset)
    try:
        said = target.serving()
    except OrchestratorError as error:
        return noted.model_copy(update={"error": str(error)})
    return said.model_copy(update={"error": said.error or noted.error, "settings": noted.settings})


def _state(cut: PublishedCut, served: Serving, settings: str) -> TargetState:
    head = cut.heads.get(served.asset)
    published = None if head is None or head.withdrawn else head.version
    behind = is_behind(served, head, settings)
    lag = 0 if published == served.version else max(1, (published or 0) - (served.version or 0))
    return TargetState(
        target=served.target,
        asset=served.asset,
        serving=served.version,
        published=published,
        lag=lag,
        is_behind=behind,
        place=served.place,
        error=served.error,
    )
