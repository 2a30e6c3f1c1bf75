"""What Dagster sees: one component per way in which assets are made, and the definitions made of them."""

from .alerts import AlertsComponent
from .dbt_tables import DbtTablesComponent
from .embedding import EmbeddingComponent
from .features import FeaturesComponent
from .ledger import LedgerComponent
from .model import ModelComponent
from .monitor import MonitorComponent
from .python_table import PythonTableComponent
from .routing import RoutingComponent
from .scores import ScoresComponent
from .source import SourceComponent

__all__ = [
    "AlertsComponent",
    "DbtTablesComponent",
    "EmbeddingComponent",
    "FeaturesComponent",
    "LedgerComponent",
    "ModelComponent",
    "MonitorComponent",
    "PythonTableComponent",
    "RoutingComponent",
    "ScoresComponent",
    "SourceComponent",
]
