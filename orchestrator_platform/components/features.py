"""A table of features: what allowed places of a log's records say, audited before anything learns from it."""

from pydantic import BaseModel

from ..operations.component_files import FeaturesAttributes
from .building import BuiltComponent


class FeaturesComponent(BuiltComponent[FeaturesAttributes]):
    """One row per key of a log, from one landed record each, with the history of earlier days and the labels."""

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return FeaturesAttributes
