"""A monitor: what became of a model's inputs, scores and answers since it was trained, month by month."""

from pydantic import BaseModel

from ..operations.component_files import MonitorAttributes
from .building import BuiltComponent


class MonitorComponent(BuiltComponent[MonitorAttributes]):
    """Measures a published model; what it finds is a warning, and asks for a training."""

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return MonitorAttributes
