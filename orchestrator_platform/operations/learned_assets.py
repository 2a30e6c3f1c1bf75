"""Declares what has to do with models, each kind after those that it is held against."""

from collections.abc import Mapping

from ..records.declarations import AssetDeclaration, FreeCheck
from ..records.keys import AssetKey
from .component_files import (
    ComponentFile,
    ModelAttributes,
    MonitorAttributes,
    RoutingAttributes,
    ScoresAttributes,
)
from .model_assets import declare_model
from .monitor_assets import declare_monitor
from .routing_assets import declare_routing
from .scores_assets import declare_scores

# In this order: scores and monitors name models, routing names scores.
LEARNED = (ModelAttributes, ScoresAttributes, RoutingAttributes, MonitorAttributes)
Learned = ModelAttributes | ScoresAttributes | RoutingAttributes | MonitorAttributes


def declare_learned(
    component: ComponentFile,
    attributes: Learned,
    declared: Mapping[AssetKey, AssetDeclaration],
    checks: tuple[FreeCheck, ...],
) -> AssetDeclaration:
    """Returns what a component of one of these kinds declares.

    Raises:
        DefinitionError: It does not fit what is declared beside it.
    """
    match attributes:
        case ModelAttributes():
            return declare_model(component, attributes, declared, checks)
        case ScoresAttributes():
            return declare_scores(component, attributes, declared, checks)
        case RoutingAttributes():
            return declare_routing(component, attributes, declared, checks)
        case MonitorAttributes():
            return declare_monitor(component, attributes, declared, checks)
