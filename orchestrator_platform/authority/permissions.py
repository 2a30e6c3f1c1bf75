"""Who may do what: the agent's file and its seats decide, and what is not listed is forbidden.

Knows nothing of how an act is done, nor of the gate that asks.
"""

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator

from ..errors import Misuse, NotPermitted
from ..records.base import Record
from ..records.keys import AgentName, AssetKey
from .acts import Act, Needs
from .agent_files import Invocation, Principal
from .seats import Seats

PERSON_PREFIX = "person:"
_PERSON = re.compile(PERSON_PREFIX + r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,62}")
# From which ratio of equal letters on a name is taken for a slip.
_ALIKE = 0.9
# A person holds no seat: an agent in its seat does these, on behalf of the person who asks.
_ONLY_FROM_A_SEAT = frozenset(
    {Act.PULL, Act.LAND, Act.BUILD, Act.TRAIN, Act.SCORE, Act.PUBLISH, Act.PROMOTE, Act.AUDIT, Act.QUARANTINE}
)


class Permission(StrEnum):
    ALLOWED = "allowed"
    ESCALATE = "escalate"
    FORBIDDEN = "forbidden"


def _person_name(name: str) -> str:
    if not _PERSON.fullmatch(name):
        raise ValueError(f"{name!r} is no person's name")
    return name


class Person(Record):
    """A person who acts under `person:NAME`; an agent's name has no colon, so the two never meet."""

    name: Annotated[AgentName, AfterValidator(_person_name)]


Actor = Principal | Person


def person(name: str) -> Person:
    """Returns the person of that name, given with or without `person:`.

    Raises:
        Misuse: The name is empty, too long or has other characters than letters, digits and . _ @ + -
    """
    full = PERSON_PREFIX + name.removeprefix(PERSON_PREFIX)
    if not _PERSON.fullmatch(full):
        raise Misuse(
            f"{name!r} is no person's name. Nothing was done. Use at most 63 letters, digits and . _ @ + -"
            " and begin with a letter or digit, for example ada.lovelace."
        )
    return Person(name=AgentName(full))


def actor_named(name: str, principals: Mapping[AgentName, Principal]) -> Actor:
    """Returns the agent of that name, with no more rights than its file gives, or else the person.

    No person bears an agent's name: neither `person:` before it nor capital letters make another.

    Raises:
        Misuse: The name is no agent's, and no person's either; or it is nearly an agent's.
    """
    return principals.get(agent_alike(name)) or person_beside(name, principals)


def person_beside(name: str, agents: Collection[str]) -> Person:
    """Returns the person of that name, who may do more than agents: a slip in an agent's name makes none of them.

    Raises:
        Misuse: The name is no person's, or is nearly an agent's and not said to be a person's.
    """
    found = person(name)
    meant = get_close_matches(agent_alike(name), agents, n=1, cutoff=_ALIKE)
    if meant and not name.startswith(PERSON_PREFIX):
        raise Misuse(
            f"No agent is called {name!r}, and {meant[0]} is nearly that. Nothing was done. Name the agent, or the"
            f" person of that name: {found.name}."
        )
    return found


def agent_alike(name: str) -> AgentName:
    """Returns the name of the agent that somebody of this name would be taken for; agents have small letters only."""
    return AgentName(name.removeprefix(PERSON_PREFIX).lower())


def permission(actor: Actor, act: Act, asset: AssetKey | None, seats: Mapping[AssetKey, Seats]) -> Permission:
    """Returns whether the actor may do the act on the asset; `None` is for acts without an asset."""
    return _judge(actor, act, asset, seats)[0]


def require(
    actor: Actor,
    act: Act,
    asset: AssetKey | None,
    seats: Mapping[AssetKey, Seats],
    *,
    approved_by: Actor | None = None,
) -> None:
    """Does nothing where the act is allowed, or escalated and approved by a person.

    Raises:
        NotPermitted: It is neither; the message says why and what would be needed.
    """
    judged, why = _judge(actor, act, asset, seats)
    if judged is Permission.ALLOWED:
        return
    if judged is Permission.ESCALATE and approved_by is not None:
        require(approved_by, Act.APPROVE, asset, seats)
        return
    raise NotPermitted(agent=actor.name, act=act, subject=asset or "anything", why=why)


def require_start(principal: Principal, started: Invocation) -> None:
    """Does nothing where the agent may be started so: a manual agent is started only by a person.

    Raises:
        NotPermitted: A sensor, schedule, condition or other agent tried to start a manual agent.
    """
    if principal.invocation is Invocation.MANUAL and started is not Invocation.MANUAL:
        why = "its `invocation` is manual, so that only a person starts it, at the prompt with `--by NAME`"
        raise NotPermitted(agent=principal.name, act="start", subject="by itself", why=why)


def started_by(on_behalf_of: str) -> Invocation:
    """Returns how something was started that is done on behalf of this name: by a person, or by itself."""
    return Invocation.MANUAL if _PERSON.fullmatch(on_behalf_of) else Invocation.AUTOMATIC


def require_distinct(producer: str, auditor: str, asset: str = "the candidate") -> None:
    """Does nothing where the two seats are held by two different names.

    Raises:
        NotPermitted: They are the same, or one is empty.
    """
    if not producer or not auditor:
        empty = "producer" if not producer else "auditor"
        raise NotPermitted(
            agent=producer or auditor or "nobody", act="publish", subject=asset, why=f"it has no {empty}"
        )
    if producer == auditor:
        raise NotPermitted(agent=auditor, act="audit", subject=asset, why="it produced it")


def _judge(actor: Actor, act: Act, asset: AssetKey | None, seats: Mapping[AssetKey, Seats]) -> tuple[Permission, str]:
    if isinstance(actor, Person):
        why = "an agent in its seat does that, on a person's behalf" if act in _ONLY_FROM_A_SEAT else ""
    else:
        why = _not_granted(actor, act) or _missing_seat(actor.name, act, asset, seats)
    if why:
        return Permission.FORBIDDEN, why
    if isinstance(actor, Principal) and act in actor.escalates:
        return Permission.ESCALATE, "a person must approve it first"
    return Permission.ALLOWED, ""


def _not_granted(principal: Principal, act: Act) -> str:
    file = principal.file or "its file"
    if act.needs is Needs.PERSON:
        return "only a person can"
    if act in principal.never:
        return f"{file} lists `{act}` under `never`"
    if act not in (*principal.may, *principal.escalates):
        return f"{file} lists `{act}` neither under `may` nor under `escalates`"
    return ""


def _missing_seat(name: AgentName, act: Act, asset: AssetKey | None, seats: Mapping[AssetKey, Seats]) -> str:
    if act.needs is Needs.NOTHING:
        return ""
    if asset is None:
        return f"`{act}` needs {act.needs} of an asset, and none was named"
    held = seats.get(asset)
    if held is None:
        return "nobody has a seat at it"
    holders = {
        Needs.PRODUCER: (held.producer,),
        Needs.AUDITOR: (held.auditor,),
        Needs.EITHER: (held.producer, held.auditor),
    }.get(act.needs, ())
    return "" if name in holders else f"`{act}` needs {act.needs}, which {' or '.join(holders) or 'nobody'} has"
