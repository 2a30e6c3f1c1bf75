"""What may not be published because of something else that is not: the closure over building and judging."""

from collections.abc import Collection, Mapping

from ..audits.audit import AuditPlan
from ..audits.dbt_checks import test_check_names
from ..records.keys import AssetKey
from ..records.verdicts import Verdict


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


def blamed_for(verdict: Verdict, plan: AuditPlan) -> frozenset[AssetKey]:
    """Returns the assets whose tests alone are why the candidate was rejected; none where it has reasons of its own."""
    names = test_check_names(plan.tests)
    others = {names[t.unique_id]: t.attached for t in plan.tests if t.attached != plan.declaration.key}
    checks = {finding.check for finding in verdict.blocking}
    return frozenset(others[check] for check in checks) if checks <= others.keys() else frozenset()


def root_causes(denied: Collection[AssetKey], built_from: Mapping[AssetKey, Collection[AssetKey]]) -> list[AssetKey]:
    """Returns the denied assets that were not themselves built from a denied one.

    What was built from a denied candidate, or denied by its tests alone, says nothing of its own: it is
    built again over what serves.
    """
    return [asset for asset in denied if not _ancestors(asset, built_from) & set(denied)]


def _ancestors(asset: AssetKey, built_from: Mapping[AssetKey, Collection[AssetKey]]) -> set[AssetKey]:
    found: set[AssetKey] = set()
    pending = list(built_from.get(asset, ()))
    while pending:
        parent = pending.pop()
        if parent not in found:
            found.add(parent)
            pending.extend(built_from.get(parent, ()))
    return found
