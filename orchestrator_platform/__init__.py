"""A data platform in which agents produce assets, other agents audit them, and nothing unaudited is readable."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .operations.platform import Platform

__all__ = ["Platform"]


def __getattr__(name: str) -> Any:
    """Imports on first use: a command line that only prints its help needs nothing heavy."""
    if name == "Platform":
        from .operations.platform import Platform

        return Platform
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
