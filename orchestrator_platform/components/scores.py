"""Scores: what a published model answers, audited before anything is ranked by it."""

from pydantic import BaseModel

from ..operations.component_files import ScoresAttributes
from .building import BuiltComponent


class ScoresComponent(BuiltComponent[ScoresAttributes]):
    """Probabilities for the rows of a table, by the model that is published. Without one there are no rows."""

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return ScoresAttributes
