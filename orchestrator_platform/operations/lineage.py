"""What is made of some assets, and what they are made of."""

from collections.abc import Collection

from ..gate.context import Gate
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
