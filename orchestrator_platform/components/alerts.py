"""Whom the platform tells what, without being asked: declared once for the project."""

import dagster as dg
from pydantic import BaseModel

from ..records.alerts import AlertOptions
from .component import RecordComponent


class AlertsComponent(RecordComponent[AlertOptions]):
    """Channels, and what goes there. It has no assets; the platform's own sensor tells what no command came upon."""

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return AlertOptions

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002 - Dagster calls it
        return dg.Definitions()
