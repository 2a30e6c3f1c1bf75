"""A model: trained when a person starts it, audited by another agent before anything is scored by it."""

import dagster as dg
from pydantic import BaseModel

from ..operations.component_files import ModelAttributes
from .building import BuiltComponent
from .scaffolding import ModelScaffolder


@dg.scaffold_with(ModelScaffolder)
class ModelComponent(BuiltComponent[ModelAttributes]):
    """A model, learned from a table of examples. Only a person starts its training."""

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return ModelAttributes
