"""What Dagster loads: the project around the working folder."""

import dagster as dg

from .components.load import load_definitions
from .components.warm import warm_code_server
from .settings import load_settings


@dg.definitions
def defs() -> dg.Definitions:
    """Returns the definitions of the project around the working folder."""
    return load_definitions(load_settings())


warm_code_server()
