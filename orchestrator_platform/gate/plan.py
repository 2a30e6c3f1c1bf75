"""What a build would do, decided from fingerprints alone: nothing is built to find it out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ..records.declarations import AssetDeclaration, LedgerBuild
from ..records.keys import AssetKey
from ..records.receipts import Head, Receipt
from ..records.slices import Slice, names_in_words
from .fingerprint import beside_fingerprint, table_fingerprint

SOMETHING_CHANGED = "its code, contract, a check or a parent changed"
_REJECTED = "orchestrator quarantine list"


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
    """`look` is the command that shows more of what holds it back."""

    asset: AssetKey
    need: Need
    why: str
    look: str = ""


@dataclass(frozen=True)
class PlannedSlice:
    """A slice as it would be built now, with what its inputs are, and what that needs.

    `served` is the fingerprint of the slice that serves, empty where none does.
    """

    slice: Slice
    need: Need
    served: str = ""
    why: str = ""
    look: str = ""

    @property
    def name(self) -> str:
        return self.slice.name


@dataclass(frozen=True)
class PlannedSlices:
    """What the slices of a table need, in their order; none where it is known that nothing changed.

    `together` says that they can only be built all at once: the table was not in slices before, or its columns were
    others. `problem` says why that cannot be found out: then nothing of the table can be built, and all else can.
    """

    slices: tuple[PlannedSlice, ...] = ()
    together: bool = False
    problem: str = ""

    def named(self, *needs: Need) -> tuple[str, ...]:
        """Returns the names of the slices with one of these needs."""
        return tuple(item.name for item in self.slices if item.need in needs)


@dataclass(frozen=True)
class KnownInputs:
    """What became of inputs seen before: fingerprints rejected, retracted, and those that gave a known content.

    `beside` names for an asset the other assets whose tests judge it too: what only they rejected is
    held no longer than until one of them is published anew. `escalated` are inputs whose candidate asks
    a person, with its number in quarantine. `besides` stands for inputs that are no parents; `slices` is what the
    slices of partitioned tables need, as far as their parents are published.
    """

    rejected: frozenset[tuple[AssetKey, str]]
    unchanged: Mapping[tuple[AssetKey, str], str]
    retracted: frozenset[tuple[AssetKey, str]] = frozenset()
    beside: Mapping[AssetKey, Collection[AssetKey]] = field(default_factory=dict)
    escalated: Mapping[tuple[AssetKey, str], int] = field(default_factory=dict)
    besides: Mapping[AssetKey, str] = field(default_factory=dict)
    slices: Mapping[AssetKey, PlannedSlices] = field(default_factory=dict)

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
            return Planned(asset, Need.HELD, why, look=_REJECTED)
        if (asset, fingerprint) in self.retracted:
            why = "what these inputs give was rolled back; roll forward, or change the code, a check or a parent"
            return Planned(asset, Need.HELD, why, look=f"orchestrator history {asset}")
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
    missing: list[str] = [
        parent for parent in declaration.required_parents if parent not in served and parent not in stale
    ]
    if isinstance(declaration.build, LedgerBuild) and not known.besides.get(key):
        missing.append("what the ledger says")
    if missing or stale:
        why = f"{', '.join(missing)} is not published" if missing else f"{', '.join(sorted(stale))} is built anew"
        return Planned(key, Need.WAITING if missing else Need.STALE, why)
    read = {parent: heads[parent].data_version for parent in declaration.parents if parent in served}
    fingerprint = table_fingerprint(declaration, read, known.besides.get(key, ""))
    problem = known.slices.get(key, PlannedSlices()).problem
    if problem:
        return Planned(key, Need.WAITING, problem)
    if rebuild:
        return Planned(key, Need.STALE, "a full rebuild was asked for")
    if declaration.partition is not None:
        return _plan_slices(key, known.slices.get(key, PlannedSlices()))
    if known.is_current(key, fingerprint, heads.get(key)):
        return Planned(key, Need.CURRENT, "same parents, code and contract")
    held = known.held_back(key, fingerprint, heads)
    return held or Planned(key, Need.STALE, _why_stale(heads.get(key)))


def _plan_slices(key: AssetKey, planned: PlannedSlices) -> Planned:
    lacking = planned.named(Need.STALE)
    if lacking:
        return Planned(key, Need.STALE, f"to be built: {names_in_words(lacking)}")
    for need in (Need.ESCALATED, Need.HELD):
        waiting = [item for item in planned.slices if item.need is need]
        if waiting:
            names = names_in_words([item.name for item in waiting])
            return Planned(key, need, f"{names}: {waiting[0].why}", look=waiting[0].look)
    return Planned(key, Need.CURRENT, "every slice has the same inputs, code and contract")


def _why_stale(head: Head | None) -> str:
    if head is None:
        return "it is new"
    return "it was withdrawn" if head.withdrawn else SOMETHING_CHANGED


def what_changed(declaration: AssetDeclaration, receipt: Receipt, heads: Mapping[AssetKey, Head]) -> str:
    """Returns what a table would be made from or judged by that its served version was not."""
    read = {parent.asset: parent.data_version for parent in receipt.parents}
    now = {parent: heads[parent].data_version for parent in declaration.parents if parent in heads}
    other = sorted({*read, *now} - {parent for parent in read if read[parent] == now.get(parent)})
    parts = [f"{', '.join(other)} changed"] if other else []
    parts += ["its code changed"] if receipt.code_version != declaration.code_version else []
    parts += ["its contract changed"] if receipt.contract_hash != declaration.contract.hash() else []
    # Nothing else is in a fingerprint but what the ledger says, and the checks.
    left = "what was landed changed" if isinstance(declaration.build, LedgerBuild) else "a check changed"
    return "; ".join(parts) or left
