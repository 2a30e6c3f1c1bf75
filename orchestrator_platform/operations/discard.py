"""Closes an entry of the quarantine for good: the use case behind `orchestrator quarantine discard`."""

from dataclasses import dataclass

from ..authority.acts import Act
from ..errors import Misuse
from ..gate.context import Gate
from ..gate.cycle.discard import Discarding, discard_entry, find_discardable
from ..records.keys import AgentName
from ..records.ledger import QuarantineEntry
from .deciding import require_actor
from .projections import project
from .storing import stores


@dataclass(frozen=True)
class DiscardPlan:
    """What a discard would close, who would do it, and the landed files that would be refused with it."""

    entry: QuarantineEntry
    agent: AgentName
    files_refused: tuple[str, ...]


def plan_discard(gate: Gate, number: int, *, by: str = "") -> DiscardPlan:
    """Returns what `discard` would do, without doing it.

    Raises:
        OrchestratorError: As for `discard`.
    """
    found = find_discardable(gate, number)
    return _plan(found, _agent(gate, found, by))


@stores
def discard(gate: Gate, number: int, *, why: str, by: str = "") -> DiscardPlan:
    """Discards what waits under this number; its rows count as quarantined for good.

    Args:
        by: The person or agent who decides; without a name it is the asset's auditor, where its file allows it.

    Raises:
        Misuse: There is no such entry, or no reason was given.
        NotPermitted: Whoever decides may not.
        AlreadySettled: The entry does not wait any more.
        AlreadyLanded: A landing accounted for one of its files meanwhile.
    """
    if not why.strip():
        raise Misuse(
            "A discard needs a reason. Nothing was changed."
            f" Say it: `orchestrator quarantine discard {number} --why TEXT`."
        )
    found = find_discardable(gate, number)
    agent = _agent(gate, found, by)
    entry = discard_entry(gate, found, agent, why.strip())
    project(gate)
    return DiscardPlan(entry, agent, _plan(found, agent).files_refused)


def _agent(gate: Gate, found: Discarding, by: str) -> AgentName:
    default = found.declaration.auditor if found.declaration is not None else None
    return require_actor(gate, Act.DISCARD, found.entry.asset, default, by).name


def _plan(found: Discarding, agent: AgentName) -> DiscardPlan:
    return DiscardPlan(found.entry, agent, tuple(line.file for line in found.refused))
