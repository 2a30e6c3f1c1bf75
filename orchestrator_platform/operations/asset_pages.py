"""What Dagster shows of a version besides its receipt: of an embedding, a model or a monitor each its own."""

from collections.abc import Mapping
from typing import Any

from ..gate.context import Gate
from ..records.declarations import ModelBuild, MonitorBuild
from ..records.receipts import Receipt
from .embedding_pages import Describe, describe_embeddings
from .model_pages import describe_model, describe_monitor

__all__ = ["Describe", "describe_assets"]


def describe_assets(gate: Gate) -> Describe:
    """Returns what describes versions; of a table that is neither of these it says nothing."""
    of_embeddings = describe_embeddings(gate)

    def describe(receipt: Receipt) -> Mapping[str, Any]:
        declaration = gate.assets.get(receipt.asset)
        if declaration is None or receipt.withdrawn:
            return {}
        match declaration.build:
            case ModelBuild():
                return describe_model(gate, declaration, receipt)
            case MonitorBuild():
                return describe_monitor(gate, declaration, receipt)
            case _:
                return of_embeddings(receipt)

    return describe
