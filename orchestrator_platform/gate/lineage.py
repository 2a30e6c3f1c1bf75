"""What every published version was made from, read off the receipts: chains of bases, parents, what is tainted.

A version that restores another has that one's content, so everything here speaks of origins: versions that
were built and judged.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from ..records.candidates import Form
from ..records.keys import AssetKey, CandidateId, Version
from ..records.receipts import Receipt

Node = tuple[AssetKey, Version]


@dataclass(frozen=True)
class Lineage:
    """Receipts by asset and version, and the candidates that they came from."""

    receipts: Mapping[Node, Receipt]
    candidates: Mapping[CandidateId, Node] = field(repr=False)

    @classmethod
    def of(cls, receipts: Iterable[Receipt]) -> "Lineage":
        found = {(receipt.asset, receipt.version): receipt for receipt in receipts}
        return cls(found, {receipt.candidate: node for node, receipt in found.items()})

    @property
    def assets(self) -> frozenset[AssetKey]:
        return frozenset(asset for asset, _ in self.receipts)

    def origin(self, node: Node) -> Node | None:
        """Returns the version whose content this one has; `None` where it is empty, or its receipt is gone."""
        receipt = self.receipts.get(node)
        if receipt is None or receipt.withdrawn:
            return None
        return (node[0], receipt.restores) if receipt.restores is not None else node

    def origins(self, asset: AssetKey) -> tuple[Version, ...]:
        """Returns the versions of an asset that were built, oldest first."""
        return tuple(sorted(v for a, v in self.receipts if a == asset and self.origin((a, v)) == (a, v)))

    def showing(self, origin: Node) -> tuple[Version, ...]:
        """Returns the versions that have this content, oldest first."""
        return tuple(sorted(v for a, v in self.receipts if a == origin[0] and self.origin((a, v)) == origin))

    def chain(self, node: Node) -> frozenset[Version]:
        """Returns the origin of a version, that of its base, and so on down."""
        found: set[Version] = set()
        current = self.origin(node)
        while current is not None and current[1] not in found:
            found.add(current[1])
            base = self.receipts[current].base_version
            current = self.origin((current[0], base)) if base is not None else None
        return frozenset(found)

    def made_from(self, origin: Node) -> frozenset[Node]:
        """Returns the origins that this one was made from at first hand: of its parents, and of its base."""
        receipt = self.receipts[origin]
        read = [
            (parent.asset, parent.version) if parent.version is not None else self._built_beside(parent.candidate)
            for parent in receipt.parents
        ]
        if receipt.base_version is not None and _reads_base(receipt):
            read.append((receipt.asset, receipt.base_version))
        return frozenset(found for node in read if node is not None and (found := self.origin(node)) is not None)

    def tainted(self, direct: Mapping[AssetKey, Collection[Version]]) -> dict[Node, frozenset[AssetKey]]:
        """Returns each origin that is, or was made from, one of these versions, with the assets that cause it."""
        made_of_it: dict[Node, list[Node]] = {}
        for node in self.receipts:
            if self.origin(node) == node:
                for source in self.made_from(node):
                    made_of_it.setdefault(source, []).append(node)
        found: dict[Node, set[AssetKey]] = {}
        for cause, versions in direct.items():
            pending = [(cause, version) for version in versions]
            while pending:
                node = pending.pop()
                if cause not in found.setdefault(node, set()):
                    found[node].add(cause)
                    pending.extend(made_of_it.get(node, ()))
        return {node: frozenset(causes) for node, causes in found.items()}

    def depths(self) -> dict[AssetKey, int]:
        """Returns for each asset how many assets stand above it at most, over all its versions."""
        above = {asset: set[AssetKey]() for asset in self.assets}
        for receipt in self.receipts.values():
            above[receipt.asset] |= {parent.asset for parent in receipt.parents} & self.assets - {receipt.asset}
        depths = dict.fromkeys(above, 0)
        for _ in above:
            for asset, parents in above.items():
                depths[asset] = min(len(above), max((depths[parent] + 1 for parent in parents), default=0))
        return depths

    def _built_beside(self, candidate: CandidateId | None) -> Node | None:
        return self.candidates.get(candidate) if candidate is not None else None


def _reads_base(receipt: Receipt) -> bool:
    """Receipts of earlier versions of the platform do not say it; what is not whole may then hold rows of its base."""
    return receipt.reads_base if receipt.reads_base is not None else receipt.form is not Form.WHOLE
