"""What the platform's components share: their attributes are the records that the command line reads too."""

from typing import Generic, Self, TypeVar

import dagster as dg
from pydantic import BaseModel

from ..records.base import Record

T = TypeVar("T", bound=Record)


class RecordComponent(dg.Component, Generic[T]):
    """A component whose YAML attributes are exactly the fields of a record."""

    def __init__(self, attributes: T) -> None:
        self.attributes = attributes

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        raise NotImplementedError

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:  # noqa: ARG003 - Dagster calls it
        # Dagster gives nothing for a component that leaves `attributes` out or empty.
        return cls(attributes if attributes is not None else cls.get_model_cls()())  # type: ignore[arg-type]
