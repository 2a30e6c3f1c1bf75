"""What the retention policy keeps: decided from receipts, retractions and releases; nothing is removed here."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from ..records.keys import AssetKey, Snapshot, Version
from ..records.receipts import Head, Receipt
from ..records.retractions import Retraction

Node = tuple[AssetKey, Version]


@dataclass(frozen=True)
class Policy:
    """Versions younger than `age` and the newest `versions` of each asset stay, and what began to be read after
    `now` minus `readers`.
    """

    now: datetime
    age: timedelta
    versions: int
    readers: timedelta


def keep_versions(
    receipts: Sequence[Receipt],
    heads: Mapping[AssetKey, Head],
    retractions: Iterable[Retraction],
    bases: Collection[Node],
    policy: Policy,
) -> frozenset[Node]:
    """Returns every version whose rows must stay readable.

    Beyond the policy these are the heads, the `bases` on which waiting candidates stand, and what a retraction needs:
    of each asset that has one the newest version that may serve, and what served before it was taken back.
    """
    kept = {(head.asset, head.version) for head in heads.values()} | set(bases)
    by_asset: dict[AssetKey, list[Receipt]] = {}
    for receipt in receipts:
        by_asset.setdefault(receipt.asset, []).append(receipt)
    taken_back: dict[AssetKey, dict[Snapshot, Version]] = {}
    retracted = set()
    for item in retractions:
        retracted.add((item.asset, item.version))
        at = taken_back.setdefault(item.asset, {})
        at[item.snapshot] = max(at.get(item.snapshot, item.version), item.version)
    for asset, versions in by_asset.items():
        newest = sorted(versions, key=lambda receipt: receipt.version, reverse=True)
        kept |= {(asset, receipt.version) for receipt in newest[: policy.versions]}
        kept |= {(asset, receipt.version) for receipt in newest if receipt.published_at > policy.now - policy.age}
        kept |= {(asset, version) for version in taken_back.get(asset, {}).values()}
        clean = (receipt for receipt in newest if (asset, receipt.version) not in retracted)
        serving = next((r for r in clean if not r.withdrawn and r.restores is None), None)
        kept |= {(asset, serving.version)} if serving is not None and asset in taken_back else set()
    return frozenset(kept)


def expirable(
    times: Mapping[Snapshot, datetime],
    receipts: Sequence[Receipt],
    kept: Collection[Node],
    always: Collection[Snapshot],
    policy: Policy,
) -> tuple[Snapshot, ...]:
    """Returns the snapshots that nothing needs, oldest first.

    Whoever began to read before a snapshot was followed by the next may be reading it; so it stays until that is
    longer ago than the longest reader.
    """
    ordered = sorted(times)
    # A version is read at its own snapshot, else at the first one left that shows it, which a release may name.
    shown_at = (first_between(ordered, r.snapshot, until) for r, until in _spans(receipts) if _node(r) in kept)
    needed = {*always, *shown_at}
    return tuple(
        snapshot
        for snapshot, following in pairwise(ordered)
        if snapshot not in needed and times[following] <= policy.now - policy.readers
    )


def unreadable(
    receipts: Sequence[Receipt], snapshots: Collection[Snapshot], gone: Collection[Snapshot]
) -> tuple[Node, ...]:
    """Returns the versions that some of the snapshots show, and none that is left when those that are gone are not."""
    before, left = sorted(snapshots), sorted(set(snapshots) - set(gone))
    return tuple(
        _node(receipt)
        for receipt, until in _spans(receipts)
        if any_between(before, receipt.snapshot, until) and not any_between(left, receipt.snapshot, until)
    )


def any_between(ordered: Sequence[Snapshot], begins: Snapshot, ends: Snapshot | None) -> bool:
    """Whether one of the snapshots, oldest first, lies from `begins` up to, and without, `ends`."""
    return first_between(ordered, begins, ends) is not None


def first_between(ordered: Sequence[Snapshot], begins: Snapshot, ends: Snapshot | None) -> Snapshot | None:
    """Returns the oldest of the snapshots from `begins` up to, and without, `ends`."""
    place = bisect_left(ordered, begins)
    found = ordered[place] if place < len(ordered) else None
    return None if found is None or (ends is not None and found >= ends) else found


def _spans(receipts: Sequence[Receipt]) -> Iterable[tuple[Receipt, Snapshot | None]]:
    following: dict[AssetKey, Snapshot] = {}
    for receipt in sorted(receipts, key=lambda r: r.snapshot, reverse=True):
        yield receipt, following.get(receipt.asset)
        following[receipt.asset] = receipt.snapshot


def _node(receipt: Receipt) -> Node:
    return receipt.asset, receipt.version
