"""A table of features: what allowed places of a log's records say, audited before anything learns from it."""

import re

import dagster as dg
from pydantic import BaseModel

from ..gate.context import Gate
from ..operations.component_files import FeaturesAttributes
from ..records.keys import AssetKey
from .building import build_selected
from .component import RecordComponent
from .steps import define_assets
from .tree import gate_of


class FeaturesComponent(RecordComponent[FeaturesAttributes]):
    """One row per key of a log, from one landed record each, with the history of earlier days and the labels."""

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return FeaturesAttributes

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return dg.Definitions(assets=[features_assets(gate_of(context), self.attributes.asset)])


def features_assets(gate: Gate, asset: AssetKey) -> dg.AssetsDefinition:
    """Returns the step that makes one table of features."""
    name = re.sub(r"[^a-z0-9]+", "_", asset.lower()).strip("_")
    return define_assets(f"make_{name}", gate, [gate.assets[asset]], build_selected)
