"""What Dagster sees: one component per way in which assets are made, and the definitions made of them."""

from .alerts import AlertsComponent
from .dbt_tables import DbtTablesComponent
from .embedding import EmbeddingComponent
from .python_table import PythonTableComponent
from .source import SourceComponent

__all__ = ["AlertsComponent", "DbtTablesComponent", "EmbeddingComponent", "PythonTableComponent", "SourceComponent"]
