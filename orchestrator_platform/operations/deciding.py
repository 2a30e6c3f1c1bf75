"""Who decides: what becomes of an entry of the quarantine a person or the agent in a seat, an answer only a person."""

from ..authority.acts import Act
from ..authority.permissions import Actor, Person, actor_named, person, require
from ..errors import Misuse
from ..gate.context import Gate
from ..gate.cycle.approval import require_no_agent
from ..records.keys import AgentName, AssetKey


def require_actor(gate: Gate, act: Act, asset: AssetKey, default: AgentName | None, by: str) -> Actor:
    """Returns who is named, or else the agent, if they may do the act.

    Raises:
        NotPermitted: They may not; where an agent must ask first, a person can do it.
        Misuse: The name is no person's, or nobody is named and the asset has no agent.
    """
    if by:
        actor: Actor = actor_named(by, gate.principals)
    elif default is None:
        raise Misuse(
            f"The project does not declare {asset} any more, so no agent can answer for it. Nothing was changed."
            " A person can: --by NAME."
        )
    else:
        actor = gate.principals[default]
    require(actor, act, asset, gate.seats)
    return actor


def require_person(gate: Gate, name: str) -> Person:
    """Returns the person of that name.

    Raises:
        NotPermitted: The name is an agent's.
        Misuse: The name is no person's.
    """
    found = person(name)
    require_no_agent(gate, found)
    return found
