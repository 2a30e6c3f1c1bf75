"""What Dagster loads: the project around the working folder."""

import dagster as dg

from .components.load import load_definitions
from .components.warm import warm_code_server, warm_definitions
from .settings import load_settings


@dg.definitions
def defs() -> dg.Definitions:
    """Returns the definitions of the project around the working folder."""
    settings = load_settings()
    return warm_definitions(settings) or load_definitions(settings)


warm_code_server()
