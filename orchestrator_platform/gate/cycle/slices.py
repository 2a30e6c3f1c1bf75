"""Brings slices of one partitioned table through the gate: a batch of them is one candidate."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date

from ...authority.acts import Act
from ...authority.permissions import require
from ...errors import Misuse
from ...lake.published import PublishedCut
from ...records.declarations import AssetDeclaration
from ...records.keys import AssetKey
from ..context import Gate
from ..memory import remember_unchanged, remember_unchanged_slices
from ..outcomes import Failed, Outcome, Published, Unchanged, Waiting
from ..plan import KnownInputs, Need, Planned, PlannedSlices
from ..slices import inputs_of_all
from ..workbench import open_workbench
from .order import Order
from .table_pass import TablePass
from .tables import known_inputs, not_built, plan_tables


@dataclass(frozen=True)
class SlicesOrdered:
    """What is to be built of one table, in batches of one candidate each; `outcome` where nothing is.

    `slices` are all that were asked for, as they stand before.
    """

    batches: tuple[tuple[str, ...], ...] = ()
    together: bool = False
    outcome: Outcome | None = None
    slices: PlannedSlices = field(default_factory=PlannedSlices)


def order_slices(gate: Gate, order: Order) -> SlicesOrdered:
    """Returns the batches in which a partitioned table, the only goal of the order, is brought up.

    Raises:
        Misuse: A slice was asked for that there cannot be.
    """
    (asset,) = order.goal
    declaration = gate.assets[asset]
    partition = declaration.partition
    assert partition is not None
    _require_slices(declaration, order.slices, gate.now().astimezone(UTC).date())
    cut = gate.cut()
    known = known_inputs(gate, cut, goal=order.goal, anew=order.goal if order.rebuild or order.slices else ())
    (planned,) = plan_tables(gate, replace(order, slices=()), cut, known)
    slices = _asked(known.slices.get(asset, PlannedSlices()), order)
    wanted = _wanted(slices, order)
    if planned.need in (Need.WAITING, Need.UNSTARTED) or not wanted:
        _remember(gate, cut, known, asset)
        return SlicesOrdered(outcome=_nothing(gate, order, planned, slices), slices=slices)
    together = slices.together or (order.rebuild and not order.slices)
    if together and order.slices:
        raise Misuse(
            f"{asset} serves other columns, or was not in slices before, so that no single slice can be replaced."
            f" Nothing was built. Build them all at once: `orchestrator build {asset}`."
        )
    if together:
        return SlicesOrdered((tuple(item.name for item in slices.slices),), together=True, slices=slices)
    size = partition.per_run
    batches = tuple(wanted[start : start + size] for start in range(0, len(wanted), size))
    return SlicesOrdered(batches, slices=slices)


def build_batch(gate: Gate, order: Order) -> Outcome | None:
    """Builds the slices of the order, judges them as one candidate and publishes them.

    Returns:
        `None` where several were not approved together: each may be in a smaller batch. Nothing is put aside then.

    Raises:
        BaseMoved: Another publication of the table came first; order again.
        NotPermitted: An agent may not do its part.
    """
    (asset,) = order.goal
    declaration = gate.assets[asset]
    cut = gate.cut()
    known = known_inputs(gate, cut, goal=order.goal, anew=order.goal)
    problem = known.slices.get(asset, PlannedSlices()).problem
    if problem:
        return Failed(asset, problem)
    for act in (Act.BUILD, Act.PUBLISH):
        require(gate.principals[declaration.producer], act, asset, gate.seats)
    with open_workbench(gate.settings.home.workbenches, gate.new_id(), cut) as workbench:
        passing = TablePass(gate, order, cut, workbench)
        passing.run([declaration], known)
    if asset in passing.undecided:
        return None
    outcome = passing.outcomes[asset]
    if isinstance(outcome, Published | Unchanged) and asset in passing.closed:
        served = {item.name: item.served for item in known.slices[asset].slices}
        same = passing.closed[asset].same
        remember_unchanged_slices(
            gate.settings.home.cache, asset, {item.name: (item.fingerprint, served[item.name]) for item in same}
        )
    return outcome


def remember_slices(gate: Gate, asset: AssetKey) -> None:
    """Notes that every slice is as its inputs give, where that is so: the next look at them costs nothing."""
    cut = gate.cut()
    _remember(gate, cut, known_inputs(gate, cut, goal=(asset,)), asset)


def _remember(gate: Gate, cut: PublishedCut, known: KnownInputs, asset: AssetKey) -> None:
    planned, head = known.slices.get(asset), cut.heads.get(asset)
    if (
        planned is None
        or planned.problem
        or head is None
        or head.withdrawn
        or planned.named(Need.STALE, Need.HELD, Need.ESCALATED)
    ):
        return
    inputs = inputs_of_all(gate.assets[asset], cut.heads, gate.now().astimezone(UTC).date())
    if not known.is_current(asset, inputs, head):
        remember_unchanged(gate.settings.home.cache, {(asset, inputs): head.data_version})


def _require_slices(declaration: AssetDeclaration, names: Sequence[str], today: date) -> None:
    assert declaration.partition is not None
    known = declaration.partition.names(today)
    unknown = [name for name in names if name not in known]
    if unknown:
        shown = f"{known[0]} to {known[-1]}" if known else "none yet"
        raise Misuse(
            f"{declaration.key} has no slice {unknown[0]!r}. Nothing was built. Its slices: {shown}, one per"
            f" {declaration.partition.unit}."
        )


def _asked(planned: PlannedSlices, order: Order) -> PlannedSlices:
    if not order.slices:
        return planned
    return replace(planned, slices=tuple(item for item in planned.slices if item.name in order.slices))


def _wanted(slices: PlannedSlices, order: Order) -> tuple[str, ...]:
    return tuple(item.name for item in slices.slices) if order.rebuild else slices.named(Need.STALE)


def _nothing(gate: Gate, order: Order, planned: Planned, slices: PlannedSlices) -> Outcome:
    if planned.need in (Need.WAITING, Need.UNSTARTED):
        return not_built(gate, order, planned)
    if slices.problem:
        return Failed(planned.asset, slices.problem)
    held = next((item for item in slices.slices if item.need in (Need.HELD, Need.ESCALATED)), None)
    if held is not None:
        return not_built(gate, order, Planned(planned.asset, held.need, f"{held.name}: {held.why}", held.look))
    if not slices.slices and planned.asset not in gate.cut().heads:
        return Waiting(planned.asset, "no row of what it reads is in one of its slices")
    return Unchanged(planned.asset, "every slice asked for is as its inputs give")
