"""What a rollback would do, decided from receipts alone: nothing is read or written to find it out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ..errors import Misuse, TargetRetracted
from ..records.keys import AssetKey, Snapshot, Version
from ..records.receipts import Head
from ..records.retractions import Retraction
from .lineage import Lineage, Node


@dataclass(frozen=True)
class Known:
    """What a plan is made from: one published cut. `readable` are the snapshots that the lake still has."""

    snapshot: Snapshot
    heads: Mapping[AssetKey, Head]
    lineage: Lineage
    retractions: tuple[Retraction, ...]
    readable: tuple[Snapshot, ...]

    def taken_back(self) -> dict[AssetKey, frozenset[Version]]:
        """Returns of each asset the versions that were taken back themselves, not because of a parent."""
        found: dict[AssetKey, set[Version]] = {}
        for item in self.retractions:
            if item.is_direct and self.lineage.origin((item.asset, item.version)) == (item.asset, item.version):
                found.setdefault(item.asset, set()).add(item.version)
        return {asset: frozenset(versions) for asset, versions in found.items()}

    def shown_at(self, origin: Node) -> tuple[Version, Snapshot] | None:
        """Returns the newest version with this content that can still be read, and a snapshot that shows it."""
        for version in reversed(self.lineage.showing(origin)):
            begins = self.lineage.receipts[origin[0], version].snapshot
            after = self.lineage.receipts.get((origin[0], Version(version + 1)))
            seen = [s for s in self.readable if s >= begins and (after is None or s < after.snapshot)]
            if seen:
                return version, seen[0]
        return None


@dataclass(frozen=True)
class Wish:
    """What was asked for: which versions are taken back afterwards, and what some assets are to serve."""

    subject: str
    taken_back: Mapping[AssetKey, frozenset[Version]]
    targets: Mapping[AssetKey, Version | None]


@dataclass(frozen=True)
class Step:
    """One version to be published: with the content of `restores`, or empty where that is `None`."""

    asset: AssetKey
    serves: Version
    becomes: Version
    restores: Version | None
    because_of: tuple[AssetKey, ...]


@dataclass(frozen=True)
class RollbackPlan:
    """Parents first. `retracted` and `returned` are the versions whose standing changes.

    `after` are all retractions as they will be; those that are new have the number of no snapshot yet.
    """

    subject: str
    snapshot: Snapshot
    steps: tuple[Step, ...]
    retracted: tuple[Node, ...]
    returned: tuple[Node, ...]
    before: tuple[Retraction, ...]
    after: tuple[Retraction, ...]
    watched: frozenset[AssetKey]

    @property
    def changes_nothing(self) -> bool:
        return not self.steps and {item.identity for item in self.before} == {item.identity for item in self.after}


NO_SNAPSHOT = Snapshot(0)


def wish_version(known: Known, asset: AssetKey, version: Version | None) -> Wish:
    """Returns the wish to have one asset at one of its versions, or empty.

    Every version that the wished one does not stand on is taken back, those that it stands on are not.

    Raises:
        Misuse: There is no such version, or it is empty.
    """
    lineage = known.lineage
    if version is None:
        kept: frozenset[Version] = frozenset()
        origin = None
    else:
        origin = lineage.origin((asset, version))
        if origin is None:
            what = "is empty" if (asset, version) in lineage.receipts else "is none of its versions"
            raise Misuse(
                f"{asset} cannot go to version {version}: it {what}. Nothing was changed."
                f" Look: `orchestrator history {asset}`."
            )
        kept = lineage.chain(origin)
    taken_back = known.taken_back() | {asset: frozenset(lineage.origins(asset)) - kept}
    return Wish(f"{asset}@{version or 'none'}", taken_back, {asset: origin[1] if origin else None})


def wish_release(known: Known, name: str, then: Known) -> Wish:
    """Returns the wish to have every asset as it was at an earlier snapshot, with what was taken back then."""
    before = then.taken_back()
    taken_back, targets = {}, {}
    for asset in known.lineage.assets:
        origins = known.lineage.origins(asset)
        later = {v for v in origins if known.lineage.receipts[asset, v].snapshot > then.snapshot}
        taken_back[asset] = before.get(asset, frozenset()) | later
        head = then.heads.get(asset)
        origin = known.lineage.origin((asset, head.version)) if head else None
        targets[asset] = origin[1] if origin else None
    return Wish(f"release {name}", taken_back, targets)


def plan_rollback(known: Known, wish: Wish, why: str) -> RollbackPlan:
    """Returns what the wish makes necessary.

    A wished asset goes to its target; every other whose versions change their standing goes to its newest
    version that is not retracted, and becomes empty where there is none.

    Raises:
        TargetRetracted: A target was made from what stays retracted.
        Misuse: The lake does not have a target's content any more.
    """
    lineage = known.lineage
    before, after = lineage.tainted(known.taken_back()), lineage.tainted(wish.taken_back)
    touched = {asset for asset, _ in {*before, *after} if _differs(before, after, asset)} | set(wish.targets)
    depths = lineage.depths()
    steps = []
    for asset in sorted(touched, key=lambda item: (depths[item], item)):
        target = wish.targets[asset] if asset in wish.targets else _newest(known, asset, after)
        step = _step(known, asset, target, after)
        steps += [step] if step is not None else []
    return RollbackPlan(
        subject=wish.subject,
        snapshot=known.snapshot,
        steps=tuple(steps),
        retracted=tuple(sorted(after.keys() - before.keys())),
        returned=tuple(sorted(before.keys() - after.keys())),
        before=known.retractions,
        after=_retractions(known, after, why),
        watched=frozenset(touched | _made_from(lineage, touched)),
    )


def _differs(before: Mapping[Node, object], after: Mapping[Node, object], asset: AssetKey) -> bool:
    mine = {node for node in {*before, *after} if node[0] == asset}
    return any((node in before) != (node in after) for node in mine)


def _newest(known: Known, asset: AssetKey, tainted: Mapping[Node, object]) -> Version | None:
    clean = [v for v in known.lineage.origins(asset) if (asset, v) not in tainted]
    return next((v for v in reversed(clean) if known.shown_at((asset, v)) is not None), None)


def _step(
    known: Known, asset: AssetKey, target: Version | None, tainted: Mapping[Node, frozenset[AssetKey]]
) -> Step | None:
    head = known.heads[asset]
    serves = known.lineage.origin((asset, head.version))
    if target is not None and (asset, target) in tainted:
        raise TargetRetracted(asset=asset, version=target, causes=sorted(tainted[asset, target]))
    if (serves[1] if serves else None) == target:
        return None
    if target is not None and known.shown_at((asset, target)) is None:
        raise Misuse(
            f"{asset} cannot go to version {target}: the lake does not keep its content any more. Nothing was changed."
            f" Look: `orchestrator history {asset}`."
        )
    causes = tainted.get(serves, frozenset()) if serves else frozenset()
    return Step(asset, head.version, Version(head.version + 1), target, tuple(sorted(causes - {asset})))


def _retractions(known: Known, tainted: Mapping[Node, frozenset[AssetKey]], why: str) -> tuple[Retraction, ...]:
    """A version that restores a retracted one is retracted like it; what was retracted before keeps its record."""
    old = {item.identity: item for item in known.retractions}
    found = []
    for node, receipt in sorted(known.lineage.receipts.items()):
        origin = known.lineage.origin(node)
        for cause in sorted(tainted.get(origin, ())) if origin is not None else ():
            fresh = Retraction(
                asset=node[0],
                version=node[1],
                cause=cause,
                fingerprint=receipt.fingerprint,
                snapshot=NO_SNAPSHOT,
                entry=None,
                why=why,
            )
            found.append(old.get(fresh.identity, fresh))
    return tuple(found)


def _made_from(lineage: Lineage, assets: Collection[AssetKey]) -> set[AssetKey]:
    """The assets below: any of them may have been built anew from what is taken back."""
    found = set(assets)
    grew: Sequence[AssetKey] = tuple(assets)
    while grew:
        grew = tuple(
            receipt.asset
            for receipt in lineage.receipts.values()
            if receipt.asset not in found and any(parent.asset in found for parent in receipt.parents)
        )
        found |= set(grew)
    return found
