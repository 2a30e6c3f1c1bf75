"""What is made of some assets, and what they are made of."""

from collections.abc import Collection, Sequence

from ..gate.context import Gate
from ..records.declarations import EmbeddingBuild, MonitorBuild
from ..records.keys import AssetKey


def assets_below(gate: Gate, assets: Collection[AssetKey]) -> set[AssetKey]:
    """Returns whatever is made of these assets, at any remove."""
    found: set[AssetKey] = set()
    # Parents come first.
    for key, declaration in gate.assets.items():
        if any(parent in assets or parent in found for parent in declaration.parents):
            found.add(key)
    return found


def assets_above(gate: Gate, assets: Collection[AssetKey]) -> set[AssetKey]:
    """Returns whatever these assets are made of, at any remove."""
    found: set[AssetKey] = set()
    pending = [parent for asset in assets for parent in gate.assets[asset].parents]
    while pending:
        asset = pending.pop()
        if asset not in found:
            found.add(asset)
            pending += gate.assets[asset].parents
    return found


def slow_assets(gate: Gate, assets: Collection[AssetKey]) -> set[AssetKey]:
    """Returns those of the assets that take long, embeddings and monitors, and those that are made of one. What is
    published whole or not at all is none.
    """
    slow = {asset for asset in assets if _takes_long(gate, asset)}
    return (slow | assets_below(gate, slow)) & set(assets)


def waits_for_long(gate: Gate, asset: AssetKey) -> bool:
    """Whether the asset is among the slow ones of all."""
    return any(_takes_long(gate, each) for each in (asset, *assets_above(gate, {asset})))


def _takes_long(gate: Gate, asset: AssetKey) -> bool:
    declared = gate.assets[asset]
    return isinstance(declared.build, EmbeddingBuild | MonitorBuild) and declared.atomic is None


def slow_last(gate: Gate, assets: Sequence[AssetKey]) -> list[list[AssetKey]]:
    """Returns the assets in the groups in which they are best built: what is slow comes after all that is not."""
    last = slow_assets(gate, assets)
    groups = [asset for asset in assets if asset not in last], [asset for asset in assets if asset in last]
    return [group for group in groups if group]
