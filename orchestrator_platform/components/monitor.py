"""A monitor: what became of a model's inputs, scores and answers since it was trained, month by month."""

import re

import dagster as dg
from pydantic import BaseModel

from ..gate.context import Gate
from ..operations.component_files import MonitorAttributes
from ..records.keys import AssetKey
from .building import build_selected
from .component import RecordComponent
from .steps import define_assets
from .tree import gate_of


class MonitorComponent(RecordComponent[MonitorAttributes]):
    """Measures a published model; what it finds is a warning, and asks for a training."""

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return MonitorAttributes

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return dg.Definitions(assets=[monitor_assets(gate_of(context), self.attributes.asset)])


def monitor_assets(gate: Gate, asset: AssetKey) -> dg.AssetsDefinition:
    """Returns the step that makes one monitor."""
    name = re.sub(r"[^a-z0-9]+", "_", asset.lower()).strip("_")
    return define_assets(f"watch_{name}", gate, [gate.assets[asset]], build_selected)
