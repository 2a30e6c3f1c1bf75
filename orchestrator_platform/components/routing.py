"""Routing: which scores answer for which rows, audited like the scores themselves."""

import re

import dagster as dg
from pydantic import BaseModel

from ..gate.context import Gate
from ..operations.component_files import RoutingAttributes
from ..records.keys import AssetKey
from .building import build_selected
from .component import RecordComponent
from .steps import define_assets
from .tree import gate_of


class RoutingComponent(RecordComponent[RoutingAttributes]):
    """For each row of a table the scores that answer for it, and what stands in for them where they cannot."""

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return RoutingAttributes

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return dg.Definitions(assets=[routing_assets(gate_of(context), self.attributes.asset)])


def routing_assets(gate: Gate, asset: AssetKey) -> dg.AssetsDefinition:
    """Returns the step that routes one table."""
    name = re.sub(r"[^a-z0-9]+", "_", asset.lower()).strip("_")
    return define_assets(f"route_{name}", gate, [gate.assets[asset]], build_selected)
