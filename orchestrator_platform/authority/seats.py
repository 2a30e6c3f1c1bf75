"""Who produces and who audits each asset: exactly one agent in each seat, never the same in both.

Knows principals and assets; knows nothing of what is done from a seat.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ..records.keys import AgentName, AssetKey
from .agent_files import Principal
from .problems import Problem, refuse
from .selections import Selectable, select_assets

_LISTS = ("produces", "audits")


@dataclass(frozen=True)
class Seats:
    producer: AgentName
    auditor: AgentName


@dataclass(frozen=True)
class _Claim:
    agent: AgentName
    file: str
    line: int

    @property
    def place(self) -> str:
        return f"{self.agent} ({self.file}:{self.line})"


def take_seats(principals: Sequence[Principal], assets: Sequence[Selectable]) -> Mapping[AssetKey, Seats]:
    """Returns the seats of every asset.

    Raises:
        AgentFileError: An asset lacks a producer or an auditor, has two, or has one agent in both
            seats; a selection selects nothing though there are assets; two agents have one name.
    """
    claims, problems = _claims(principals, assets)
    refuse([*problems, *_conflicts(claims, assets, principals, complete=True)])
    return MappingProxyType(
        {
            key: Seats(producer=next(iter(claims["produces"][key])), auditor=next(iter(claims["audits"][key])))
            for key in sorted(claims["produces"])
        }
    )


def seat_problems(
    principals: Sequence[Principal], assets: Sequence[Selectable], *, complete: bool = True
) -> tuple[Problem, ...]:
    """Returns everything that keeps the seats from being taken.

    Where some agent files could not be read (`complete` is false), an empty seat is not reported:
    the agent that takes it may be in one of them.
    """
    claims, problems = _claims(principals, assets)
    return tuple(sorted([*problems, *_conflicts(claims, assets, principals, complete=complete)]))


_Claims = dict[str, dict[AssetKey, dict[AgentName, _Claim]]]


def _claims(principals: Sequence[Principal], assets: Sequence[Selectable]) -> tuple[_Claims, list[Problem]]:
    claims: _Claims = {role: {asset.key: {} for asset in assets} for role in _LISTS}
    problems = list(_namesakes(principals))
    for principal in principals:
        for role, selections in (("produces", principal.produces), ("audits", principal.audits)):
            for n, selection in enumerate(selections):
                claim = _Claim(principal.name, principal.file, principal.line_of(f"{role}[{n}]"))
                selected, problem = _select(role, selection, assets, claim)
                problems.extend(problem)
                for key in selected:
                    claims[role][key].setdefault(principal.name, claim)
    return claims, problems


def _select(
    role: str, selection: str, assets: Sequence[Selectable], claim: _Claim
) -> tuple[frozenset[AssetKey], list[Problem]]:
    try:
        selected = select_assets(selection, assets)
    except ValueError as error:
        return frozenset(), [Problem(claim.file, claim.line, f"`{role}` has {selection!r}: {error}", "Mend it.")]
    if assets and not selected:
        fix = "Mend it, or leave it out until such assets exist."
        return selected, [Problem(claim.file, claim.line, f"`{role}` has {selection!r}, which selects no asset", fix)]
    return selected, []


def _namesakes(principals: Sequence[Principal]) -> Iterator[Problem]:
    first: dict[AgentName, Principal] = {}
    for principal in principals:
        if principal.name in first:
            message = f"{principal.name} is also the agent of {first[principal.name].file or 'another principal'}"
            yield Problem(principal.file, principal.line_of("name"), message, "Give one of them another name.")
        first.setdefault(principal.name, principal)


def _conflicts(
    claims: _Claims, assets: Sequence[Selectable], principals: Sequence[Principal], *, complete: bool
) -> Iterator[Problem]:
    folder = str(Path(principals[0].file).parent) if principals else "agents"
    for asset in assets:
        for role in _LISTS:
            held = list(claims[role][asset.key].values())
            if complete and not held:
                fix = f"Add a selection of it to the `{role}` of one agent."
                yield Problem(folder, 0, f"no agent {role} {asset.key}", fix)
            for other in held[1:]:
                message = f"{other.agent} {role} {asset.key}, and so does {held[0].place}"
                yield Problem(other.file, other.line, message, "One agent takes a seat: narrow one selection.")
        for agent in claims["produces"][asset.key].keys() & claims["audits"][asset.key].keys():
            claim = claims["audits"][asset.key][agent]
            message = f"{agent} both produces and audits {asset.key}"
            yield Problem(claim.file, claim.line, message, "The auditor is never the producer: give up one seat.")
