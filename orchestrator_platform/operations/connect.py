"""The statements that attach the published lake in any DuckDB: the use case behind `orchestrator connect`."""

from ..lake.readers import attach_statement
from ..lake.session import EXTENSIONS
from .platform import Platform


def connect_statements(platform: Platform) -> tuple[str, ...]:
    """Returns statements for the command line or any client of DuckDB, read-only at the newest snapshot."""
    cut = platform.cut()
    return (
        *(f"INSTALL {name}; LOAD {name};" for name in EXTENSIONS),
        f"{attach_statement(platform.layout, cut.snapshot)};",
        "USE lake;",
    )
