"""Brings what waits in quarantine to its audit again: the use case behind `orchestrator quarantine replay`."""

from contextlib import closing

from ..authority.acts import Act
from ..authority.permissions import require, require_start, started_by
from ..errors import NotReplayable
from ..gate.context import Gate
from ..gate.cycle.order import Order
from ..gate.cycle.replay_candidate import replay_candidate
from ..gate.cycle.replay_rows import replay_rows
from ..gate.cycle.replayed import Replayed
from ..gate.cycle.waiting import find_entry, require_waiting
from ..records.declarations import AssetDeclaration
from ..records.ledger import QuarantineEntry, QuarantineKind
from .deciding import require_actor
from .projections import project
from .storing import stores


@stores
def replay(gate: Gate, number: int, *, why: str = "", by: str = "", dry_run: bool = False) -> Replayed:
    """Judges what waits under this number under the contract, checks and permissions of now.

    What is let in is published through the gate, nothing is built or landed again. The rest stays and waits.

    Args:
        by: The person or agent who asks for it; without a name it is the asset's producer.
        dry_run: Judge, and leave everything as it is.

    Raises:
        Misuse: There is no such entry.
        NotPermitted: Whoever asks may not, or an agent may not do its part.
        AlreadySettled: The entry does not wait any more.
        NotReplayable: It cannot be judged again as it is.
        BaseMoved, SealBroken, CandidateDamaged, ParentRetracted: A candidate cannot be published any more.
    """
    cut = gate.cut()
    with closing(cut.connect()) as connection:
        entry = find_entry(connection, number)
    require_waiting(entry)
    declaration = _declared(gate, entry)
    order = _order(gate, declaration, why.strip() or f"replay entry {number} of quarantine", by)
    again = replay_candidate if entry.kind is QuarantineKind.CANDIDATE else replay_rows
    done = again(gate, cut, declaration, entry, order, dry_run=dry_run)
    project(gate)
    return done


def _declared(gate: Gate, entry: QuarantineEntry) -> AssetDeclaration:
    declaration = gate.assets.get(entry.asset)
    if declaration is None:
        why = "the project does not declare it any more"
        raise NotReplayable(number=entry.id, asset=entry.asset, why=why, fix="Declare it again, then replay.")
    return declaration


def _order(gate: Gate, declaration: AssetDeclaration, reason: str, by: str) -> Order:
    actor = require_actor(gate, Act.REPLAY, declaration.key, declaration.producer, by)
    behalf = actor.name if by else ""
    started = started_by(behalf)
    require_start(gate.principals[declaration.producer], started)
    require(gate.principals[declaration.producer], Act.PUBLISH, declaration.key, gate.seats)
    return Order(frozenset({declaration.key}), actor.name, reason, behalf, started=started)
