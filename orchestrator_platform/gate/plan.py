"""What a build would do, decided from fingerprints alone: nothing is built to find it out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..records.declarations import AssetDeclaration
from ..records.keys import AssetKey
from ..records.receipts import Head
from .fingerprint import table_fingerprint


class Need(StrEnum):
    """CURRENT: same inputs as what serves. STALE: to be built. HELD: these inputs were rejected or rolled back.
    WAITING: a parent is missing.
    """

    CURRENT = "current"
    STALE = "stale"
    HELD = "held"
    WAITING = "waiting"


@dataclass(frozen=True)
class Planned:
    asset: AssetKey
    need: Need
    why: str


@dataclass(frozen=True)
class KnownInputs:
    """What became of inputs seen before: fingerprints rejected, retracted, and those that gave a known content."""

    rejected: frozenset[tuple[AssetKey, str]]
    unchanged: Mapping[tuple[AssetKey, str], str]
    retracted: frozenset[tuple[AssetKey, str]] = frozenset()

    def is_current(self, asset: AssetKey, fingerprint: str, head: Head | None) -> bool:
        if head is None or head.withdrawn:
            return False
        return fingerprint == head.fingerprint or self.unchanged.get((asset, fingerprint)) == head.data_version

    def held(self, asset: AssetKey, fingerprint: str) -> str:
        """Returns why these inputs are not built again, nothing where they may be."""
        if (asset, fingerprint) in self.rejected:
            return "these inputs were rejected; change the code, the contract, a check or a parent"
        if (asset, fingerprint) in self.retracted:
            return "what these inputs give was rolled back; roll forward, or change the code, a check or a parent"
        return ""


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
    missing = [parent for parent in declaration.parents if parent not in served and parent not in stale]
    if missing:
        return Planned(key, Need.WAITING, f"{', '.join(missing)} is not published")
    if stale:
        return Planned(key, Need.STALE, f"{', '.join(sorted(stale))} is built anew")
    fingerprint = table_fingerprint(declaration, {parent: heads[parent].data_version for parent in declaration.parents})
    if rebuild:
        return Planned(key, Need.STALE, "a full rebuild was asked for")
    if known.is_current(key, fingerprint, heads.get(key)):
        return Planned(key, Need.CURRENT, "same parents, code and contract")
    if why := known.held(key, fingerprint):
        return Planned(key, Need.HELD, why)
    return Planned(key, Need.STALE, _why_stale(heads.get(key)))


def _why_stale(head: Head | None) -> str:
    if head is None:
        return "it is new"
    return "it was withdrawn" if head.withdrawn else "its code, contract, a check or a parent changed"
