"""Which assets share the step of the dbt tables: what is made of some of them and made into others, and the ledger.

In steps of their own they would cut that step in two, or be waited for, and each step is a pass through the gate, a
second or more.
"""

from ..gate.context import Gate
from ..operations.lineage import assets_above, assets_below
from ..records.declarations import DbtBuild, FeaturesBuild, LedgerBuild, PythonBuild, RoutingBuild, ScoresBuild
from ..records.keys import AssetKey

_QUICK = (FeaturesBuild, PythonBuild, RoutingBuild, ScoresBuild)


def built_with_dbt(gate: Gate) -> frozenset[AssetKey]:
    """Returns what is built in the step of the dbt tables, they themselves among it.

    Tables in slices have a step of their own each; what takes long, as embeddings do, keeps its own too.
    """
    whole = {key: declared.build for key, declared in gate.assets.items() if declared.partition is None}
    of_dbt = {key for key, build in whole.items() if isinstance(build, DbtBuild)}
    if of_dbt:
        # Made of raw tables alone, it cuts nothing wherever it is built.
        of_dbt |= {key for key, build in whole.items() if isinstance(build, LedgerBuild)}
    between = assets_below(gate, of_dbt) & assets_above(gate, of_dbt)
    return frozenset(of_dbt | {key for key in between & whole.keys() if isinstance(whole[key], _QUICK)})
