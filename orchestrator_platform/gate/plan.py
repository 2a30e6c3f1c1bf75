"""What a build would do, decided from fingerprints alone: nothing is built to find it out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ..records.declarations import AssetDeclaration
from ..records.keys import AssetKey
from ..records.receipts import Head
from .fingerprint import beside_fingerprint, table_fingerprint


class Need(StrEnum):
    """CURRENT: same inputs as what serves. STALE: to be built. HELD: these inputs were rejected or rolled back.
    ESCALATED: what they gave waits for a person. WAITING: a parent is missing. UNSTARTED: it is to be built, and only a
    person can start that.
    """

    CURRENT = "current"
    STALE = "stale"
    HELD = "held"
    ESCALATED = "escalated"
    WAITING = "waiting"
    UNSTARTED = "unstarted"


@dataclass(frozen=True)
class Planned:
    asset: AssetKey
    need: Need
    why: str


@dataclass(frozen=True)
class KnownInputs:
    """What became of inputs seen before: fingerprints rejected, retracted, and those that gave a known content.

    `beside` names for an asset the other assets whose tests judge it too: what only they rejected is
    held no longer than until one of them is published anew. `escalated` are inputs whose candidate asks
    a person, with its number in quarantine.
    """

    rejected: frozenset[tuple[AssetKey, str]]
    unchanged: Mapping[tuple[AssetKey, str], str]
    retracted: frozenset[tuple[AssetKey, str]] = frozenset()
    beside: Mapping[AssetKey, Collection[AssetKey]] = field(default_factory=dict)
    escalated: Mapping[tuple[AssetKey, str], int] = field(default_factory=dict)

    def is_rejected(self, asset: AssetKey, fingerprint: str, heads: Mapping[AssetKey, Head]) -> bool:
        judged = beside_fingerprint(fingerprint, served_beside(self.beside.get(asset, ()), heads))
        return not self.rejected.isdisjoint({(asset, fingerprint), (asset, judged)})

    def is_current(self, asset: AssetKey, fingerprint: str, head: Head | None) -> bool:
        if head is None or head.withdrawn:
            return False
        return fingerprint == head.fingerprint or self.unchanged.get((asset, fingerprint)) == head.data_version

    def held_back(self, asset: AssetKey, fingerprint: str, heads: Mapping[AssetKey, Head]) -> Planned | None:
        """Returns why these inputs are not built again, `None` where nothing speaks against it."""
        if self.is_rejected(asset, fingerprint, heads):
            why = "these inputs were rejected; change the code, the contract, a check or a parent"
            return Planned(asset, Need.HELD, why)
        if (asset, fingerprint) in self.retracted:
            why = "what these inputs give was rolled back; roll forward, or change the code, a check or a parent"
            return Planned(asset, Need.HELD, why)
        number = self.escalated.get((asset, fingerprint))
        if number is None:
            return None
        why = f"a person must approve what these inputs gave: `orchestrator approve {number}`"
        return Planned(asset, Need.ESCALATED, why)


def served_beside(beside: Collection[AssetKey], heads: Mapping[AssetKey, Head]) -> dict[AssetKey, str]:
    """Returns the data versions of those of the assets that are served."""
    return {asset: heads[asset].data_version for asset in sorted(beside) if asset in heads}


def plan_build(
    declarations: Sequence[AssetDeclaration],
    goal: Collection[AssetKey],
    heads: Mapping[AssetKey, Head],
    known: KnownInputs,
    *,
    rebuild: bool = False,
) -> tuple[Planned, ...]:
    """Returns what each asset of the goal needs, parents first. `declarations` come parents first."""
    needs: dict[AssetKey, Planned] = {}
    for declaration in declarations:
        if declaration.key in goal:
            needs[declaration.key] = _plan_one(declaration, heads, needs, known, rebuild)
    return tuple(needs.values())


def _plan_one(
    declaration: AssetDeclaration,
    heads: Mapping[AssetKey, Head],
    needs: Mapping[AssetKey, Planned],
    known: KnownInputs,
    rebuild: bool,
) -> Planned:
    key = declaration.key
    stale = {parent for parent in declaration.parents if parent in needs and needs[parent].need is Need.STALE}
    served = {asset for asset, head in heads.items() if not head.withdrawn}
    missing = [parent for parent in declaration.required_parents if parent not in served and parent not in stale]
    if missing:
        return Planned(key, Need.WAITING, f"{', '.join(missing)} is not published")
    if stale:
        return Planned(key, Need.STALE, f"{', '.join(sorted(stale))} is built anew")
    read = {parent: heads[parent].data_version for parent in declaration.parents if parent in served}
    fingerprint = table_fingerprint(declaration, read)
    if rebuild:
        return Planned(key, Need.STALE, "a full rebuild was asked for")
    if known.is_current(key, fingerprint, heads.get(key)):
        return Planned(key, Need.CURRENT, "same parents, code and contract")
    held = known.held_back(key, fingerprint, heads)
    if held is not None:
        return held
    return Planned(key, Need.STALE, _why_stale(heads.get(key)))


def _why_stale(head: Head | None) -> str:
    if head is None:
        return "it is new"
    return "it was withdrawn" if head.withdrawn else "its code, contract, a check or a parent changed"
