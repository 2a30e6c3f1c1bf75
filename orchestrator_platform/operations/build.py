"""Builds what changed and brings it through the gate: the use case behind `orchestrator build`."""

from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TypeVar

from ..authority.agent_files import Invocation
from ..authority.permissions import started_by
from ..errors import BaseMoved, Misuse, ParentRetracted, SealBroken, UnknownAsset
from ..gate.context import Gate
from ..gate.cycle.order import Order
from ..gate.cycle.tables import build_tables, known_inputs, plan_tables
from ..gate.outcomes import Escalated, Failed, Held, Outcome, Rejected, Withheld
from ..gate.plan import SOMETHING_CHANGED, KnownInputs, Need, Planned, what_changed
from ..lake.history import read_receipts_at
from ..records.candidates import AssetKind
from ..records.declarations import DbtBuild
from ..records.keys import AgentName, AssetKey
from ..transforming.rehearsal import rehearse_once
from .lineage import assets_above
from .projections import project
from .slices import build_in_slices, passes_of
from .storing import stores

T = TypeVar("T")
_ATTEMPTS = 5
ORCHESTRATOR = AgentName("orchestrator")


@dataclass(frozen=True)
class BuildResult:
    """One outcome per asset asked for, parents first; of a table in slices one per candidate."""

    outcomes: tuple[Outcome, ...]

    @property
    def is_no(self) -> bool:
        """Whether something was rejected, now or before with the same inputs, escalated, or broke."""
        return any(isinstance(outcome, Rejected | Held | Escalated | Failed) for outcome in self.outcomes)


@stores
def build(
    gate: Gate,
    assets: Collection[str] = (),
    *,
    reason: str = "build what changed",
    on_behalf_of: str = "",
    rebuild: bool = False,
    started: Invocation | None = None,
    slices: Sequence[str] = (),
) -> BuildResult:
    """Builds tables, by default all, in as many passes as rejections make necessary.

    What was withheld because of a rejection is built again over what still serves. Where another
    publication came first, the pass is ordered anew. Unless `started` says so, a person started it where
    it is on a person's behalf. A table in slices is built in a pass of its own, batch by batch, between those that
    it reads and those that read it.

    Args:
        slices: Of the one table asked for, the slices to be brought up; by default all that need it.

    Raises:
        UnknownAsset: A name is not a table of the project.
        Misuse: There are no such slices.
        BaseMoved: Other publications came first again and again.
    """
    order = _order(gate, assets, reason, on_behalf_of, rebuild=rebuild)
    order = replace(order, started=started or order.started, slices=tuple(slices))
    _require_one_table(gate, order)
    rehearse_dbt(gate)
    outcomes = build_in_passes(gate, order)
    project(gate)
    return BuildResult(outcomes)


def build_in_passes(gate: Gate, order: Order, known: KnownInputs | None = None) -> tuple[Outcome, ...]:
    """Builds what the order needs, and what was withheld once more over what still serves; projects nothing.

    Args:
        known: What is known of inputs that were built before, by default what the lake says.

    Raises:
        BaseMoved: Other publications came first again and again.
    """
    outcomes: list[Outcome] = []
    for goal in passes_of(gate, order.goal):
        ordered = replace(order, goal=goal)
        if any(gate.assets[asset].partition is not None for asset in goal):
            outcomes += build_in_slices(gate, ordered, _retrying)
        else:
            outcomes += _build_pass(gate, ordered, known)
    return tuple(outcomes)


def _require_one_table(gate: Gate, order: Order) -> None:
    if not order.slices:
        return
    in_slices = sorted(asset for asset, declared in gate.assets.items() if declared.partition is not None)
    if len(order.goal) != 1 or not order.goal.issubset(in_slices):
        known = ", ".join(in_slices) or "none"
        raise Misuse(f"Slices are of one table at a time. Nothing was built. Tables in slices: {known}.")


def _build_pass(gate: Gate, order: Order, known: KnownInputs | None) -> list[Outcome]:
    outcomes = {outcome.asset: outcome for outcome in _build_once(gate, order, known)}
    withheld = _withheld(outcomes.values())
    while withheld:
        again = _build_once(gate, replace(order, goal=withheld), known)
        outcomes |= {outcome.asset: outcome for outcome in again}
        left = _withheld(again)
        withheld = left if left < withheld else frozenset()
    return list(outcomes.values())


def judging_anew(gate: Gate) -> KnownInputs:
    """Returns what is known of inputs, without what became of those that were built before: they are judged again."""
    known = known_inputs(gate, gate.cut())
    return replace(known, rejected=frozenset(), unchanged={}, retracted=frozenset(), escalated={})


def rehearse_dbt(gate: Gate) -> None:
    """Finds out once for each state of the dbt project what dbt executes, so that builds need no dbt. A build does it
    where nobody did.
    """
    columns = {
        key: [(column.name, column.type) for column in declaration.contract.columns]
        for key, declaration in gate.assets.items()
        if not isinstance(declaration.build, DbtBuild) and declaration.contract.closed
    }
    rehearse_once(gate.dbt, columns, gate.variables, gate.say)


def plan(
    gate: Gate, assets: Collection[str] = (), *, rebuild: bool = False, on_behalf_of: str = ""
) -> tuple[Planned, ...]:
    """Returns what `build` would do, without doing it, and of what changed what it is."""
    cut = gate.cut()
    planned = plan_tables(gate, _order(gate, assets, "", on_behalf_of, rebuild=rebuild), cut, known_inputs(gate, cut))
    changed = {item.asset: cut.heads[item.asset] for item in planned if item.why == SOMETHING_CHANGED}
    with closing(cut.connect()) as connection:
        receipts = read_receipts_at(connection, [(asset, head.version) for asset, head in changed.items()])
    said = {asset: what_changed(gate.assets[asset], receipt, cut.heads) for (asset, _), receipt in receipts.items()}
    return tuple(replace(item, why=said.get(item.asset, item.why)) for item in planned)


def read_left_behind(gate: Gate, assets: Collection[str]) -> tuple[AssetKey, ...]:
    """Returns what these assets are made of, at any remove, and would be built if it were asked for too."""
    asked = {AssetKey(name) for name in assets}
    above = assets_above(gate, asked) - asked
    tables = [asset for asset in above if gate.assets[asset].kind is not AssetKind.RAW]
    if not tables:
        return ()
    cut = gate.cut()
    planned = plan_tables(gate, _order(gate, tables, "", "", rebuild=False), cut, known_inputs(gate, cut))
    return tuple(item.asset for item in planned if item.need is Need.STALE)


def _order(gate: Gate, assets: Collection[str], reason: str, on_behalf_of: str, *, rebuild: bool) -> Order:
    tables = {key for key, declaration in gate.assets.items() if declaration.kind is not AssetKind.RAW}
    unknown = [name for name in assets if name not in tables]
    if unknown:
        raise UnknownAsset(name=unknown[0], known=sorted(tables))
    goal = frozenset(AssetKey(name) for name in assets) if assets else frozenset(tables)
    named = goal if assets else frozenset()
    return Order(goal, ORCHESTRATOR, reason, on_behalf_of, rebuild, started_by(on_behalf_of), named)


def _build_once(gate: Gate, order: Order, known: KnownInputs | None) -> tuple[Outcome, ...]:
    return _retrying(gate, lambda: build_tables(gate, order, known))


def _retrying(gate: Gate, build_it: Callable[[], T]) -> T:
    for attempt in range(_ATTEMPTS):
        try:
            return build_it()
        except (BaseMoved, ParentRetracted, SealBroken) as error:
            # A seal that broke because a parent moved is a race as well; what serves now is read anew.
            if attempt == _ATTEMPTS - 1 or not (error.retryable or isinstance(error, BaseMoved)):
                raise
            gate.say(f"{error} Trying again.")
    raise AssertionError("unreachable")


def _withheld(outcomes: Sequence[Outcome] | Collection[Outcome]) -> frozenset[AssetKey]:
    return frozenset(outcome.asset for outcome in outcomes if isinstance(outcome, Withheld))
