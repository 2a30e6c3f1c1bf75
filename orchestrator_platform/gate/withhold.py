"""What may not be published because of something else that is not: the closure over building and judging."""

from collections.abc import Collection, Mapping

from ..records.keys import AssetKey


def withheld_by(
    not_published: Collection[AssetKey],
    depends_on: Mapping[AssetKey, Collection[AssetKey]],
    atomic: Mapping[AssetKey, str | None],
) -> dict[AssetKey, tuple[AssetKey, ...]]:
    """Returns for each asset to withhold the assets because of which.

    `depends_on` names, for each candidate, the candidates that it was built from or judged against.
    Members of one atomic group go together or not at all.
    """
    reasons: dict[AssetKey, set[AssetKey]] = {asset: set() for asset in not_published}
    grew = True
    while grew:
        grew = False
        broken_groups = {group: asset for asset, group in atomic.items() if group is not None and asset in reasons}
        for asset, read in depends_on.items():
            if asset in reasons:
                continue
            found = {parent for parent in read if parent in reasons}
            group = atomic.get(asset)
            if group is not None and group in broken_groups:
                found.add(broken_groups[group])
            if found:
                reasons[asset] = found
                grew = True
    return {asset: tuple(sorted(found)) for asset, found in reasons.items() if asset not in not_published}
