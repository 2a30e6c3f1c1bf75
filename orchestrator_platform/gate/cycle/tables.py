"""Builds tables and brings them through the gate."""

from collections.abc import Sequence
from dataclasses import replace

from ...authority.acts import Act
from ...authority.permissions import require, require_start
from ...errors import NotPermitted
from ...lake.history import read_quarantine, read_retractions
from ...lake.published import PublishedCut
from ...records.keys import AssetKey
from ..context import Gate
from ..memory import load_unchanged
from ..outcomes import Held, Outcome, Unchanged, Waiting
from ..plan import KnownInputs, Need, Planned, plan_build
from ..quarantine import rejected_fingerprints, retracted_fingerprints
from ..workbench import open_workbench
from .escalations import find_escalations
from .order import Order
from .table_pass import TablePass


def known_inputs(gate: Gate, cut: PublishedCut) -> KnownInputs:
    """Returns what is known of inputs that were built before."""
    connection = cut.connect()
    try:
        entries = read_quarantine(connection)
        asked = find_escalations(connection, entries, cut.heads, gate.settings.home.candidates)
        retracted = retracted_fingerprints(read_retractions(connection))
    finally:
        connection.close()
    return KnownInputs(
        rejected=rejected_fingerprints(entry for entry in entries if entry not in (*asked.open, *asked.void)),
        unchanged=load_unchanged(gate.settings.home.cache),
        retracted=retracted,
        beside={asset: gate.audit_plan(asset).beside for asset in gate.assets},
        escalated=asked.by_input,
    )


def plan_tables(gate: Gate, order: Order, cut: PublishedCut, known: KnownInputs) -> tuple[Planned, ...]:
    """Returns what the order would do, without doing it."""
    return plan_build(list(gate.assets.values()), order.goal, cut.heads, known, rebuild=order.rebuild)


def build_tables(gate: Gate, order: Order) -> tuple[Outcome, ...]:
    """Builds what the order needs and brings it through the gate, in one pass.

    Returns:
        One outcome per asset of the goal, parents first.

    Raises:
        BaseMoved: Another publication of one of the assets came first; order again.
        NotPermitted: An agent may not do its part, or all that is asked needs a person to start it.
    """
    cut = gate.cut()
    known = known_inputs(gate, cut)
    asked = plan_tables(gate, order, cut, known)
    unstarted = _unstarted(gate, order, asked)
    planned = plan_tables(gate, replace(order, goal=order.goal - unstarted.keys()), cut, known)
    outcomes: dict[AssetKey, Outcome] = {
        item.asset: _not_built(item) for item in planned if item.need is not Need.STALE
    }
    outcomes |= {asset: Waiting(asset, str(error)) for asset, error in unstarted.items()}
    stale = [gate.assets[item.asset] for item in planned if item.need is Need.STALE]
    if stale:
        for declaration in stale:
            for act in (Act.BUILD, Act.PUBLISH):
                require(gate.principals[declaration.producer], act, declaration.key, gate.seats)
        with open_workbench(gate.settings.home.workbenches, gate.new_id(), cut) as workbench:
            outcomes |= TablePass(gate, order, cut, workbench).run(stale, known)
    return tuple(outcomes[item.asset] for item in asked)


def _unstarted(gate: Gate, order: Order, asked: Sequence[Planned]) -> dict[AssetKey, NotPermitted]:
    """What only a person may start; it waits, and the others are built over what serves of it.

    Raises:
        NotPermitted: There is nothing else in the order.
    """
    refused: dict[AssetKey, NotPermitted] = {}
    for item in asked:
        try:
            if item.need is Need.STALE:
                require_start(gate.principals[gate.assets[item.asset].producer], order.started)
        except NotPermitted as error:
            refused[item.asset] = error
    if refused and refused.keys() == order.goal:
        raise next(iter(refused.values()))
    return refused


def _not_built(item: Planned) -> Outcome:
    match item.need:
        case Need.HELD | Need.ESCALATED:
            return Held(item.asset, item.why)
        case Need.WAITING:
            return Waiting(item.asset, item.why)
        case _:
            return Unchanged(item.asset, item.why)
