"""The quarantine as an asset: what waits, since when and why. No run makes it: the lake's commits do."""

import dagster as dg

from ..gate.context import Gate
from ..projections.dagster_quarantine import QUARANTINE

GROUP = "platform"
_SAYS = """\
What waits in quarantine: rejected rows and candidates, since when, for what reasons.

It is kept current by itself. The jobs `replay`, `approve` and `discard` decide what becomes of an entry.
"""


def quarantine_assets(gate: Gate) -> list[dg.AssetSpec]:
    """Returns the asset, which nothing materializes; none for a project that declares nothing."""
    if not gate.assets:
        return []
    return [dg.AssetSpec(QUARANTINE, group_name=GROUP, kinds={"ducklake"}, description=_SAYS)]
