"""Which assets a build would build now. The gate's own plan says so, and nothing is built to find it out.

What was rejected, rolled back, waits for a person or for a parent is not stale: asking for it would change nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ..gate.context import Gate
from ..gate.cycle.tables import known_inputs
from ..gate.fingerprint import table_fingerprint
from ..gate.memory import memory_state
from ..gate.plan import Need
from ..lake.published import published_state
from ..records.base import sha256_of
from ..records.keys import AssetKey
from .freshness import plan_all


@dataclass(frozen=True)
class Stale:
    """An asset to be built. `inputs` names what it would be built from: the same inputs that were tried and still ask
    to be built were not brought to an end.
    """

    asset: AssetKey
    inputs: str
    why: str


class StaleAssets:
    """What a build would build, found out once for each state of the home, whoever asks for it."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def read(self) -> Mapping[AssetKey, Stale]:
        """Returns what is stale now, parents first."""
        gate = self._gate
        # A lake that is missing or was left behind is made whole first, and has a state of its own then.
        gate.cut()
        found: Mapping[AssetKey, Stale] = gate.plans.get(self.state(), lambda: find_stale(gate))
        return found

    def state(self) -> object:
        """Returns what changes whenever something is published, put aside, decided on, or found to be the same."""
        return (published_state(self._gate.layout), memory_state(self._gate.settings.home.cache))


def find_stale(gate: Gate) -> Mapping[AssetKey, Stale]:
    """Returns the assets that a build would build now, parents first."""
    cut = gate.cut()
    planned = plan_all(gate, cut, known_inputs(gate, cut))
    stale = [item for item in planned.values() if item.need is Need.STALE]
    served = {asset: head.data_version for asset, head in cut.heads.items() if not head.withdrawn}
    found: dict[AssetKey, Stale] = {}
    for item in stale:
        declaration = gate.assets[item.asset]
        read = {parent: served[parent] for parent in declaration.parents if parent in served}
        # A parent that is built anew as well stands for what it is built from.
        anew = {parent: found[parent].inputs for parent in declaration.parents if parent in found}
        inputs = sha256_of([table_fingerprint(declaration, read | anew), sorted(anew)])
        found[item.asset] = Stale(item.asset, inputs[:16], item.why)
    return found
