"""An embedding: the texts of a table as vectors, audited before anything answers from them."""

import dagster as dg
from pydantic import BaseModel

from ..operations.component_files import EmbeddingAttributes
from .building import BuiltComponent
from .scaffolding import EmbeddingScaffolder


@dg.scaffold_with(EmbeddingScaffolder)
class EmbeddingComponent(BuiltComponent[EmbeddingAttributes]):
    """One vector per text of a table; only texts that changed are embedded."""

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return EmbeddingAttributes
