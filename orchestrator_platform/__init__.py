"""A data platform in which agents produce assets, other agents audit them, and nothing unaudited is readable.

What a project's own code imports: the platform to read from, the decorator of Python tables, and what brings assets of
an existing Dagster project through the gate.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .components.gated import gated
    from .components.io_manager import GatedIOManager
    from .operations.platform import Platform
    from .transforming.python_table import python_table

__all__ = ["GatedIOManager", "Platform", "gated", "python_table"]


def __getattr__(name: str) -> Any:
    """Imports on first use: a command line that only prints its help needs nothing heavy."""
    if name == "Platform":
        from .operations.platform import Platform

        return Platform
    if name == "python_table":
        from .transforming.python_table import python_table

        return python_table
    if name == "gated":
        from .components.gated import gated

        return gated
    if name == "GatedIOManager":
        from .components.io_manager import GatedIOManager

        return GatedIOManager
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
