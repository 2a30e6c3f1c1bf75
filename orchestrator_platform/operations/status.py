"""What serves, in what state: the use case behind `orchestrator status`."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ..gate.context import Gate
from ..gate.cycle.tables import known_inputs
from ..gate.plan import Need
from ..lake.history import read_receipts_at
from ..lake.published import PublishedCut
from ..records.candidates import AssetKind
from ..records.declarations import AssetDeclaration, SourceBuild
from ..records.keys import AgentName, AssetKey, Version
from .freshness import Age, Punctuality, measure_freshness, plan_all

_NO_COMPONENT = "no component declares it: Python that only Dagster runs does, or nothing any more"


class State(StrEnum):
    """CURRENT: serves what its inputs give. BEHIND: a newer parent, code or contract waits to be built.
    REJECTED: what the inputs give was rejected or rolled back. ESCALATED: it waits for a person.
    UNPUBLISHED: no version serves. WAITING: a parent has none. WITHDRAWN: it was rolled back and is empty.
    UNDECLARED: it is published, but no component declares it: Python that only Dagster runs does, or nothing any more.
    """

    CURRENT = "current"
    BEHIND = "behind"
    REJECTED = "rejected"
    ESCALATED = "escalated"
    UNPUBLISHED = "unpublished"
    WAITING = "waiting"
    WITHDRAWN = "withdrawn"
    UNDECLARED = "undeclared"


@dataclass(frozen=True)
class AssetStatus:
    """`freshness` is there where one is promised; `age` says how old what serves is, beside the promise."""

    asset: AssetKey
    kind: AssetKind | None
    version: Version | None
    n_rows: int | None
    state: State
    producer: AgentName | None
    auditor: AgentName | None
    why: str = ""
    published_at: datetime | None = None
    freshness: Punctuality | None = None
    age: str = ""


def read_status(gate: Gate) -> tuple[AssetStatus, ...]:
    """Returns the state of every declared asset, parents first, then of what is published undeclared."""
    cut = gate.cut_for_readers()
    known = known_inputs(gate, cut)
    needs = plan_all(gate, cut, known)
    ages = measure_freshness(gate, cut, known, needs, gate.assets)
    declared = []
    for key, declaration in gate.assets.items():
        need = needs.get(key)
        state, why = _state(cut, key, need.need if need else None), need.why if need else _landing(gate, declaration)
        declared.append(_status(cut, declaration, state, why, ages.get(key)))
    return (*declared, *_undeclared(cut, set(cut.heads) - set(gate.assets)))


def read_serving(gate: Gate) -> Mapping[AssetKey, Version]:
    """Returns the version that serves of each published asset; one that was withdrawn serves none."""
    cut = gate.cut_for_readers()
    return {asset: head.version for asset, head in cut.heads.items() if not head.withdrawn}


def _state(cut: PublishedCut, key: AssetKey, need: Need | None) -> State:
    match need:
        case Need.HELD:
            return State.REJECTED
        case Need.ESCALATED:
            return State.ESCALATED
        case Need.WAITING:
            return State.WAITING
        case _ if key in cut.heads and cut.heads[key].withdrawn:
            return State.WITHDRAWN
        case Need.STALE | Need.UNSTARTED if key in cut.heads:
            return State.BEHIND
        case _:
            return State.CURRENT if key in cut.heads else State.UNPUBLISHED


def _undeclared(cut: PublishedCut, assets: Collection[AssetKey]) -> Iterator[AssetStatus]:
    """Of what no component declares only the receipt says who made and who judged it."""
    heads = [cut.heads[asset] for asset in sorted(assets)]
    with closing(cut.connect()) as connection:
        receipts = read_receipts_at(connection, [(head.asset, head.version) for head in heads])
    for head in heads:
        receipt = receipts.get((head.asset, head.version))
        yield AssetStatus(
            asset=head.asset,
            kind=receipt.kind if receipt else None,
            version=head.version,
            n_rows=head.n_rows,
            state=State.UNDECLARED,
            producer=receipt.producer if receipt else None,
            auditor=receipt.auditor if receipt else None,
            why=_NO_COMPONENT,
            published_at=head.published_at,
        )


def _landing(gate: Gate, declaration: AssetDeclaration) -> str:
    if not isinstance(declaration.build, SourceBuild):
        return ""
    folder = gate.settings.home.landing / declaration.build.name
    waiting = sum(1 for file in folder.rglob("*") if file.is_file()) if folder.exists() else 0
    return f"{waiting} {'file' if waiting == 1 else 'files'} in landing" if waiting else ""


def _status(cut: PublishedCut, declaration: AssetDeclaration, state: State, why: str, age: Age | None) -> AssetStatus:
    head = cut.heads.get(declaration.key)
    return AssetStatus(
        asset=declaration.key,
        kind=declaration.kind,
        version=head.version if head else None,
        n_rows=head.n_rows if head else None,
        state=state,
        producer=declaration.producer,
        auditor=declaration.auditor,
        why=why,
        published_at=head.published_at if head else None,
        freshness=age.punctuality if age else None,
        age=age.says if age else "",
    )
