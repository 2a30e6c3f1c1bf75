"""A model: trained when a person starts it, audited by another agent before anything is scored by it."""

import re

import dagster as dg
from pydantic import BaseModel

from ..gate.context import Gate
from ..operations.component_files import ModelAttributes
from ..records.keys import AssetKey
from .building import build_selected
from .component import RecordComponent
from .steps import define_assets
from .tree import gate_of


class ModelComponent(RecordComponent[ModelAttributes]):
    """A model, learned from a table of examples. Only a person starts its training."""

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return ModelAttributes

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return dg.Definitions(assets=[model_assets(gate_of(context), self.attributes.asset)])


def model_assets(gate: Gate, asset: AssetKey) -> dg.AssetsDefinition:
    """Returns the step that trains one model."""
    name = re.sub(r"[^a-z0-9]+", "_", asset.lower()).strip("_")
    return define_assets(f"train_{name}", gate, [gate.assets[asset]], build_selected)
