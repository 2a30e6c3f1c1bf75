"""An embedding: the texts of a table as vectors, audited before anything answers from them."""

import re

import dagster as dg
from pydantic import BaseModel

from ..gate.context import Gate
from ..operations.component_files import EmbeddingAttributes
from ..records.keys import AssetKey
from .building import build_selected
from .component import RecordComponent
from .steps import define_assets
from .tree import gate_of


class EmbeddingComponent(RecordComponent[EmbeddingAttributes]):
    """One vector per text of a table; only texts that changed are embedded."""

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return EmbeddingAttributes

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return dg.Definitions(assets=[embedding_assets(gate_of(context), self.attributes.asset)])


def embedding_assets(gate: Gate, asset: AssetKey) -> dg.AssetsDefinition:
    """Returns the step that makes one embedding."""
    name = re.sub(r"[^a-z0-9]+", "_", asset.lower()).strip("_")
    return define_assets(f"embed_{name}", gate, [gate.assets[asset]], build_selected)
