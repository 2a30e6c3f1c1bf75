"""Which assets share the step of the dbt tables: what is made of some of them, and made into others.

In steps of their own they would cut that step in two, and each step is a pass through the gate, a second or more.
"""

from collections.abc import Sequence

from ..gate.context import Gate
from ..operations.ci_changes import descendants
from ..records.declarations import (
    AssetDeclaration,
    DbtBuild,
    FeaturesBuild,
    PythonBuild,
    RoutingBuild,
    ScoresBuild,
)
from ..records.keys import AssetKey

_QUICK = (FeaturesBuild, PythonBuild, RoutingBuild, ScoresBuild)


def built_with_dbt(gate: Gate) -> Sequence[AssetDeclaration]:
    """Returns what is built in the step of the dbt tables, they themselves among it, parents first.

    Tables in slices have a step of their own each; what takes long, as embeddings do, keeps its own too.
    """
    of_dbt = {
        key for key, declared in gate.assets.items() if isinstance(declared.build, DbtBuild) and _is_whole(declared)
    }
    above = _ancestors(gate, of_dbt)
    between = {
        key
        for key in descendants(gate, of_dbt).keys() & above
        if isinstance(gate.assets[key].build, _QUICK) and _is_whole(gate.assets[key])
    }
    return [declared for key, declared in gate.assets.items() if key in of_dbt | between]


def _is_whole(declaration: AssetDeclaration) -> bool:
    return declaration.partition is None


def _ancestors(gate: Gate, assets: set[AssetKey]) -> set[AssetKey]:
    found: set[AssetKey] = set()
    pending = [parent for asset in assets for parent in gate.assets[asset].parents]
    while pending:
        asset = pending.pop()
        if asset not in found:
            found.add(asset)
            pending += gate.assets[asset].parents
    return found
