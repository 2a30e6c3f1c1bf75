"""Routing: which scores answer for which rows, audited like the scores themselves."""

from pydantic import BaseModel

from ..operations.component_files import RoutingAttributes
from .building import BuiltComponent


class RoutingComponent(BuiltComponent[RoutingAttributes]):
    """For each row of a table the scores that answer for it, and what stands in for them where they cannot."""

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return RoutingAttributes
