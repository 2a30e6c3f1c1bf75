"""Scores: what a published model answers, audited before anything is ranked by it."""

import re

import dagster as dg
from pydantic import BaseModel

from ..gate.context import Gate
from ..operations.component_files import ScoresAttributes
from ..records.keys import AssetKey
from .building import build_selected
from .component import RecordComponent
from .steps import define_assets
from .tree import gate_of


class ScoresComponent(RecordComponent[ScoresAttributes]):
    """Probabilities for the rows of a table, by the model that is published. Without one there are no rows."""

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return ScoresAttributes

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return dg.Definitions(assets=[scores_assets(gate_of(context), self.attributes.asset)])


def scores_assets(gate: Gate, asset: AssetKey) -> dg.AssetsDefinition:
    """Returns the step that makes one table of scores."""
    name = re.sub(r"[^a-z0-9]+", "_", asset.lower()).strip("_")
    return define_assets(f"make_{name}", gate, [gate.assets[asset]], build_selected)
