"""Which assets a selection means, answered as Dagster answers it, without loading Dagster.

Knows assets only by key, group, kinds and parents.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..records.keys import AssetKey
from .selection_syntax import Around, Both, Either, Everything, Expression, Field, Having, Not, parse_selection


@dataclass(frozen=True)
class Selectable:
    """What a selection can see of an asset; parents that are not assets themselves do not count."""

    key: AssetKey
    group: str
    kinds: tuple[str, ...] = ()
    parents: tuple[AssetKey, ...] = ()


def select_assets(selection: str, assets: Sequence[Selectable]) -> frozenset[AssetKey]:
    """Returns the keys that the selection means; `key:` sees `schema.name` as `schema/name`.

    Raises:
        ValueError: The selection is not of the supported syntax; says where.
    """
    return _Graph(assets).select(parse_selection(selection))


class _Graph:
    def __init__(self, assets: Sequence[Selectable]) -> None:
        self._assets = {asset.key: asset for asset in assets}
        self._parents = {
            asset.key: frozenset(parent for parent in asset.parents if parent in self._assets) for asset in assets
        }
        self._children = _reversed(self._parents)

    def select(self, tree: Expression) -> frozenset[AssetKey]:
        match tree:
            case Everything():
                return frozenset(self._assets)
            case Having(field, text):
                return frozenset(key for key, asset in self._assets.items() if _has(asset, field, text))
            case Not(inner):
                return frozenset(self._assets) - self.select(inner)
            case Both(left, right):
                return self.select(left) & self.select(right)
            case Either(left, right):
                return self.select(left) | self.select(right)
            case Around(inner, up, down):
                start = self.select(inner)
                return _reach(start, self._parents, up) | _reach(start, self._children, down)


def _has(asset: Selectable, field: Field, text: str) -> bool:
    match field:
        case Field.KEY:
            return _matches(asset.key.replace(".", "/"), text)
        case Field.GROUP:
            return _matches(asset.group, text)
        case Field.KIND:
            return text in asset.kinds


def _matches(name: str, pattern: str) -> bool:
    """Matches piece by piece from the left: a regular expression with many `*` would take for ever."""
    first, *others = pattern.split("*")
    if not others:
        return name == first
    *middle, last = others
    if not name.startswith(first):
        return False
    at = len(first)
    for piece in middle:
        found = name.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(name) - len(last) >= at and name.endswith(last)


def _reversed(parents: Mapping[AssetKey, frozenset[AssetKey]]) -> Mapping[AssetKey, frozenset[AssetKey]]:
    children: dict[AssetKey, set[AssetKey]] = {key: set() for key in parents}
    for key, above in parents.items():
        for parent in above:
            children[parent].add(key)
    return {key: frozenset(below) for key, below in children.items()}


def _reach(
    start: frozenset[AssetKey], edges: Mapping[AssetKey, frozenset[AssetKey]], steps: int | None
) -> frozenset[AssetKey]:
    reached, frontier = start, start
    while frontier and steps != 0:
        frontier = frozenset(key for origin in frontier for key in edges[origin]) - reached
        reached |= frontier
        steps = None if steps is None else steps - 1
    return reached
