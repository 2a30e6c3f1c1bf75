"""Plans and does a rollback: the use case behind `orchestrator rollback`."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from ..authority.acts import Act
from ..authority.permissions import actor_named, require
from ..errors import LineageMoved, Misuse, UnknownAsset
from ..gate.context import Gate
from ..gate.lineage import Lineage
from ..gate.rollback import Rollback, RolledBack, roll_back
from ..gate.rollback_plan import Known, RollbackPlan, Wish, plan_rollback, wish_release, wish_version
from ..gate.scratch import own_folder
from ..lake.history import (
    read_heads,
    read_parts,
    read_quarantine,
    read_receipts_after,
    read_retractions,
    read_snapshots,
)
from ..lake.published import PublishedCut
from ..lake.readers import connect_reader
from ..records.keys import AgentName, AssetKey, Snapshot, Version
from .build import ORCHESTRATOR
from .platform import release_snapshot
from .projections import project
from .storing import stores

_ATTEMPTS = 5
NOWHERE = Snapshot(0)


@dataclass(frozen=True)
class Goal:
    """One asset to one of its versions (`None`: empty), or every asset to a release."""

    asset: str = ""
    version: int | None = None
    release: str = ""


@dataclass(frozen=True)
class RollbackResult:
    """What was planned and what became of it; `done` is `None` where there was nothing to do, or it was only shown."""

    plan: RollbackPlan
    done: RolledBack | None = None


def plan(gate: Gate, goal: Goal, why: str = "", *, by: str | None = None) -> RollbackPlan:
    """Returns what a rollback would do, without doing it; where `by` is given, as in `rollback`, for the one named.

    Raises:
        NotPermitted: The agent may not; a person may.
        UnknownAsset: Nothing of that name was ever published.
        Misuse: There is no such version or release, or its content is not kept any more.
        TargetRetracted: The version was made from what stays retracted.
    """
    cut = gate.cut()
    known = read_known(cut)
    wish = read_wish(cut, known, goal)
    if by is not None:
        _agent(gate, wish, by)
    return plan_rollback(known, wish, why)


@stores
def rollback(
    gate: Gate, goal: Goal, *, why: str, by: str = "", on_plan: Callable[[RollbackPlan], None] | None = None
) -> RollbackResult:
    """Rolls back, or forward. Where another publication came first, the plan is made anew.

    Args:
        by: The person who does it; without one it is the producer of each asset that is named.
        on_plan: Shown each plan before it is done.

    Raises:
        Misuse: No reason was given, and all that `plan` raises.
        NotPermitted: The agent may not; a person may.
        LineageMoved: Other publications came first again and again.
    """
    if not why.strip():
        raise Misuse("A rollback needs a reason. Nothing was changed. Give it: --why TEXT.")
    for attempt in range(_ATTEMPTS):
        cut = gate.cut()
        known = read_known(cut)
        wish = read_wish(cut, known, goal)
        agent = _agent(gate, wish, by)
        planned = plan_rollback(known, wish, why)
        if on_plan is not None:
            on_plan(planned)
        if planned.changes_nothing:
            return RollbackResult(planned)
        try:
            done = _roll_back(gate, cut, known, planned, agent, why)
        except LineageMoved as error:
            if attempt == _ATTEMPTS - 1:
                raise
            gate.say(f"{error} Trying again.")
            continue
        project(gate)
        return RollbackResult(planned, done)
    raise AssertionError("unreachable")


def _roll_back(
    gate: Gate, cut: PublishedCut, known: Known, planned: RollbackPlan, agent: AgentName, why: str
) -> RolledBack:
    with closing(cut.connect()) as connection:
        parts, entries = read_parts(connection), read_quarantine(connection)
    gate.say(f"preparing {', '.join(step.asset for step in planned.steps) or planned.subject}")
    with own_folder(gate.settings.home.workbenches, gate.new_id()) as scratch:
        return roll_back(
            cut,
            scratch,
            Rollback(planned, known, parts, entries, agent, why),
            lock_timeout_seconds=gate.settings.lock_timeout_seconds,
            now=gate.now(),
            event_id=gate.new_id(),
        )


def read_known(cut: PublishedCut) -> Known:
    """Returns what plans are made from."""
    with closing(cut.connect()) as connection:
        return Known(
            snapshot=cut.snapshot,
            heads=cut.heads,
            lineage=Lineage.of(read_receipts_after(connection, NOWHERE)),
            retractions=read_retractions(connection),
            readable=read_snapshots(connection),
        )


def read_wish(cut: PublishedCut, known: Known, goal: Goal) -> Wish:
    """Returns what a goal comes to.

    Raises:
        UnknownAsset: Nothing of that name was ever published.
        Misuse: There is no such version or release.
    """
    if goal.release:
        snapshot = release_snapshot(cut, goal.release)
        with closing(connect_reader(cut.layout, snapshot)) as connection:
            heads, retractions = read_heads(connection), read_retractions(connection)
        return wish_release(known, goal.release, Known(snapshot, heads, known.lineage, retractions, known.readable))
    if goal.asset not in known.heads:
        raise UnknownAsset(name=goal.asset, known=list(known.heads))
    version = Version(goal.version) if goal.version is not None else None
    return wish_version(known, AssetKey(goal.asset), version)


def _agent(gate: Gate, wish: Wish, by: str) -> AgentName:
    """The one who acts: who is named, or for each asset the agent in its producer's seat."""
    actor = actor_named(by, gate.principals) if by else None
    for asset in sorted(wish.targets):
        if actor is None and asset not in gate.assets:
            raise Misuse(
                f"The project does not declare {asset} any more, so no agent can answer for it. Nothing was changed."
                " A person can: --by NAME."
            )
        one = actor if actor is not None else gate.principals[gate.assets[asset].producer]
        require(one, Act.ROLLBACK, asset, gate.seats)
    if actor is not None:
        return actor.name
    return gate.assets[next(iter(wish.targets))].producer if len(wish.targets) == 1 else ORCHESTRATOR
