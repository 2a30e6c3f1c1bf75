"""What Dagster shows of a version besides its receipt: of any what changed, of a model or an embedding its own too."""

from collections.abc import Mapping
from typing import Any

from ..gate.context import Gate
from ..records.declarations import AssetDeclaration, ModelBuild, MonitorBuild
from ..records.receipts import Receipt
from .embedding_pages import Describe, describe_embeddings
from .model_pages import describe_model, describe_monitor
from .table_pages import describe_table

__all__ = ["Describe", "describe_assets"]


def describe_assets(gate: Gate) -> Describe:
    """Returns what describes versions; of what the project does not declare any more it says nothing."""
    of_embeddings = describe_embeddings(gate)

    def describe(receipt: Receipt) -> Mapping[str, Any]:
        declaration = gate.assets.get(receipt.asset)
        if declaration is None:
            return {}
        every = describe_table(gate, declaration, receipt)
        return every if receipt.withdrawn else {**_own(declaration, receipt), **every}

    def _own(declaration: AssetDeclaration, receipt: Receipt) -> Mapping[str, Any]:
        match declaration.build:
            case ModelBuild():
                return describe_model(gate, declaration, receipt)
            case MonitorBuild():
                return describe_monitor(gate, declaration, receipt)
            case _:
                return of_embeddings(receipt)

    return describe
