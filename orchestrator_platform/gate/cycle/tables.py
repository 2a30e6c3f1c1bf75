"""Builds tables and brings them through the gate."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC

import duckdb

from ...authority.acts import Act
from ...authority.agent_files import Invocation
from ...authority.permissions import require, require_start
from ...errors import NotPermitted
from ...lake.history import read_ledger_state, read_quarantine, read_retractions
from ...lake.published import PublishedCut
from ...records.declarations import AssetDeclaration, LedgerBuild, ModelBuild
from ...records.keys import AssetKey
from ...records.ledger import QuarantineEntry
from ..context import Gate
from ..memory import load_unchanged
from ..outcomes import Held, Outcome, Unchanged, Waiting
from ..plan import KnownInputs, Need, Planned, PlannedSlices, plan_build
from ..quarantine import rejected_fingerprints, retracted_fingerprints
from ..slices import plan_slices
from ..workbench import open_workbench
from .escalations import Escalations, find_escalations
from .order import Order
from .table_pass import TablePass


def known_inputs(
    gate: Gate, cut: PublishedCut, *, goal: Collection[AssetKey] | None = None, anew: Collection[AssetKey] = ()
) -> KnownInputs:
    """Returns what is known of inputs that were built before.

    Args:
        goal: Whose slices are looked at, by default those of every table.
        anew: Whose slices are looked at although nothing that they are made from changed.
    """
    connection = cut.connect()
    try:
        entries = read_quarantine(connection)
        asked = find_escalations(connection, entries, cut.heads, gate.settings.home.candidates)
        retracted = retracted_fingerprints(read_retractions(connection))
        known = _known(gate, connection, entries, asked, retracted)
        wanted = gate.assets.keys() if goal is None else goal
        return replace(known, slices=_planned_slices(gate, cut, connection, known, wanted, anew))
    finally:
        connection.close()


def _known(
    gate: Gate,
    connection: duckdb.DuckDBPyConnection,
    entries: Sequence[QuarantineEntry],
    asked: Escalations,
    retracted: frozenset[tuple[AssetKey, str]],
) -> KnownInputs:
    ledgers = [asset for asset, declared in gate.assets.items() if isinstance(declared.build, LedgerBuild)]
    return KnownInputs(
        rejected=rejected_fingerprints(entry for entry in entries if entry not in (*asked.open, *asked.void)),
        unchanged=load_unchanged(gate.settings.home.cache),
        retracted=retracted,
        beside={asset: gate.audit_plan(asset).beside for asset in gate.assets},
        escalated=asked.by_input,
        besides=dict.fromkeys(ledgers, read_ledger_state(connection)) if ledgers else {},
    )


def _planned_slices(
    gate: Gate,
    cut: PublishedCut,
    connection: duckdb.DuckDBPyConnection,
    known: KnownInputs,
    wanted: Collection[AssetKey],
    anew: Collection[AssetKey],
) -> dict[AssetKey, PlannedSlices]:
    served = {asset for asset, head in cut.heads.items() if not head.withdrawn}
    return {
        asset: plan_slices(
            connection,
            declaration,
            cut.relations(),
            cut.heads,
            known,
            cache=gate.settings.home.cache,
            today=gate.now().astimezone(UTC).date(),
            anew=asset in anew,
        )
        for asset, declaration in gate.assets.items()
        if asset in wanted and declaration.partition is not None and served.issuperset(declaration.parents)
    }


def plan_tables(gate: Gate, order: Order, cut: PublishedCut, known: KnownInputs) -> tuple[Planned, ...]:
    """Returns what the order would do, without doing it.

    What only a person may start, and none did, is left as it serves, and the others are planned over that.
    """
    declared = list(gate.assets.values())
    asked = plan_build(declared, order.goal, cut.heads, known, rebuild=order.rebuild)
    refused = _refused(gate, order, asked)
    if not refused:
        return asked
    rest = plan_build(declared, order.goal - refused.keys(), cut.heads, known, rebuild=order.rebuild)
    planned = {item.asset: item for item in rest}
    planned |= {
        asset: Planned(asset, Need.UNSTARTED, f"waits for a person: {error.why}") for asset, error in refused.items()
    }
    return tuple(planned[item.asset] for item in asked)


def build_tables(gate: Gate, order: Order, known: KnownInputs | None = None) -> tuple[Outcome, ...]:
    """Builds what the order needs and brings it through the gate, in one pass.

    Args:
        known: What is known of inputs that were built before, by default what the lake says.

    Returns:
        One outcome per asset of the goal, parents first.

    Raises:
        BaseMoved: Another publication of one of the assets came first; order again.
        NotPermitted: An agent may not do its part, or all that is asked needs a person to start it.
    """
    cut = gate.cut()
    known = known_inputs(gate, cut, goal=order.goal) if known is None else known
    planned = plan_tables(gate, order, cut, known)
    _require_anything_started(gate, order, planned)
    outcomes: dict[AssetKey, Outcome] = {
        item.asset: not_built(gate, order, item) for item in planned if item.need is not Need.STALE
    }
    stale = [gate.assets[item.asset] for item in planned if item.need is Need.STALE]
    if stale:
        for declaration in stale:
            for act in (_makes(declaration), Act.PUBLISH):
                require(gate.principals[declaration.producer], act, declaration.key, gate.seats)
        with open_workbench(gate.settings.home.workbenches, gate.new_id(), cut) as workbench:
            outcomes |= TablePass(gate, order, cut, workbench).run(stale, known)
    return tuple(outcomes[item.asset] for item in planned)


def _makes(declaration: AssetDeclaration) -> Act:
    return Act.TRAIN if isinstance(declaration.build, ModelBuild) else Act.BUILD


def _refused(gate: Gate, order: Order, planned: Sequence[Planned]) -> dict[AssetKey, NotPermitted]:
    """What is to be built and may not be started as the order was."""
    refused: dict[AssetKey, NotPermitted] = {}
    for item in planned:
        try:
            if item.need is Need.STALE:
                _require_started(gate, order, gate.assets[item.asset])
        except NotPermitted as error:
            refused[item.asset] = error
    return refused


def _require_started(gate: Gate, order: Order, declaration: AssetDeclaration) -> None:
    """A manual agent needs a person; a model needs one who named it, whatever its agent's file says."""
    if isinstance(declaration.build, ModelBuild) and not _trains(order, declaration.key):
        raise NotPermitted(
            agent=declaration.producer,
            act="train",
            subject=declaration.key,
            why=f"only a person starts that, by name: `orchestrator train {declaration.key}`",
        )
    require_start(gate.principals[declaration.producer], order.started)


def _trains(order: Order, asset: AssetKey) -> bool:
    return order.started is Invocation.MANUAL and asset in order.named


def _require_anything_started(gate: Gate, order: Order, planned: Sequence[Planned]) -> None:
    """Raises NotPermitted where all that was asked for by name needs a person to start it."""
    refused = [item.asset for item in planned if item.need is Need.UNSTARTED]
    if refused and len(refused) == len(planned) and order.goal <= order.named:
        _require_started(gate, order, gate.assets[refused[0]])


def not_built(gate: Gate, order: Order, item: Planned) -> Outcome:
    """Returns what became of an asset that needs nothing, or that nothing can be done for."""
    asset, is_model = item.asset, isinstance(gate.assets[item.asset].build, ModelBuild)
    match item.need:
        case Need.HELD if is_model and not _trains(order, asset):
            return Waiting(asset, f"{item.why}, then a person trains it: `orchestrator train {asset}`")
        case Need.HELD | Need.ESCALATED:
            return Held(item.asset, item.why, item.look)
        case Need.WAITING | Need.UNSTARTED:
            return Waiting(item.asset, item.why)
        case _:
            return Unchanged(item.asset, item.why)
