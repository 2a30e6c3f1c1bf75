"""Brings tables in slices up: in batches that are published one by one, so that a kill or a rejection costs one."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from typing import TypeVar

from ..errors import Misuse
from ..gate.context import Gate
from ..gate.cycle.order import Order
from ..gate.cycle.slices import build_batch, order_slices, remember_slices
from ..gate.cycle.tables import known_inputs
from ..gate.outcomes import Outcome, Published, Unchanged, Waiting
from ..gate.plan import Need, PlannedSlice
from ..records.keys import AssetKey
from ..records.slices import names_in_words
from .partitions import slices_between

T = TypeVar("T")
Retrying = Callable[[Gate, Callable[[], T]], T]


@dataclass(frozen=True)
class SliceStatus:
    """A slice and what it needs; `n_rows` and `data_version` are those that serve."""

    name: str
    need: Need
    n_rows: int
    data_version: str
    why: str = ""


def passes_of(gate: Gate, goal: Collection[AssetKey]) -> Iterator[frozenset[AssetKey]]:
    """Yields what is built together: a table in slices alone, after what it reads and before what reads it."""
    together: set[AssetKey] = set()
    later = [asset for asset in gate.assets if asset in goal]
    while later:
        held: set[AssetKey] = set()
        for asset in later:
            declaration = gate.assets[asset]
            if declaration.partition is not None or not held.isdisjoint(declaration.parents):
                held.add(asset)
            else:
                together.add(asset)
        if together:
            yield frozenset(together)
        later, together = [asset for asset in later if asset in held], set()
        if later:
            # Assets come parents first, so that the first one left waits for none of the others.
            yield frozenset({later.pop(0)})


def build_in_slices(gate: Gate, order: Order, retrying: Retrying) -> list[Outcome]:  # type: ignore[type-arg]
    """Builds the slices that the order asks for, or all that need it, and returns an outcome per candidate.

    A batch that is not approved is judged again in halves, down to the slice that is to blame: only that one waits in
    quarantine. Where nothing of a batch was let in, the rest is not tried.
    """
    (asset,) = order.goal
    ordered = retrying(gate, lambda: order_slices(gate, order))
    if ordered.outcome is not None:
        return [ordered.outcome]
    outcomes: list[Outcome] = []
    for place, batch in enumerate(ordered.batches):
        gate.say(f"{asset}: {names_in_words(batch)}")
        found = _settle(gate, replace(order, slices=batch, together=ordered.together), retrying)
        outcomes += found
        left = [name for later in ordered.batches[place + 1 :] for name in later]
        if left and not any(isinstance(outcome, Published | Unchanged) for outcome in found):
            why = f"nothing of {names_in_words(batch)} was let in, so that {names_in_words(left)} was not tried"
            return [*outcomes, Waiting(asset, why)]
    remember_slices(gate, asset)
    return outcomes


def _settle(gate: Gate, order: Order, retrying: Retrying) -> list[Outcome]:  # type: ignore[type-arg]
    outcome = retrying(gate, lambda: build_batch(gate, order))
    if outcome is not None:
        return [outcome]
    half = len(order.slices) // 2
    parts = (order.slices[:half], order.slices[half:])
    gate.say(f"{next(iter(order.goal))}: not approved together; each half is judged alone")
    return [found for part in parts for found in _settle(gate, replace(order, slices=part), retrying)]


def read_slices(gate: Gate, asset: AssetKey) -> tuple[SliceStatus, ...]:
    """Returns the slices of a partitioned table, and what each needs; none while a parent has no version."""
    cut = gate.cut_for_readers()
    known = known_inputs(gate, cut, goal=(asset,), anew=(asset,))
    planned = known.slices.get(asset)
    return tuple(_status(item) for item in planned.slices) if planned else ()


def asked_slices(gate: Gate, assets: Sequence[str], text: str) -> tuple[str, ...]:
    """Returns the slices that a person names, `FIRST..LAST` or `ONE,ANOTHER`, of the one table asked for.

    Raises:
        Misuse: It is not one table in slices, or it has no such slice.
    """
    in_slices = {str(asset): declared.partition for asset, declared in gate.assets.items() if declared.partition}
    partition = in_slices.get(assets[0]) if len(assets) == 1 else None
    if partition is None:
        known = ", ".join(sorted(in_slices)) or "none"
        raise Misuse(f"Slices are of one table at a time. Nothing was done. Tables in slices: {known}.")
    today = gate.now().astimezone(UTC).date()
    return slices_between(partition, AssetKey(assets[0]), text, partition.names(today))


def _status(item: PlannedSlice) -> SliceStatus:
    return SliceStatus(item.name, item.need, item.slice.n_rows, item.slice.data_version, item.why)
