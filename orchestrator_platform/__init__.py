"""A data platform in which agents produce assets, other agents audit them, and nothing unaudited is readable.

What a project's own code imports: the platform to read from, and the decorator of Python tables.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .operations.platform import Platform
    from .transforming.python_table import python_table

__all__ = ["Platform", "python_table"]


def __getattr__(name: str) -> Any:
    """Imports on first use: a command line that only prints its help needs nothing heavy."""
    if name == "Platform":
        from .operations.platform import Platform

        return Platform
    if name == "python_table":
        from .transforming.python_table import python_table

        return python_table
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
