"""Gives every component of one load the same gate, so that a project is read once per load."""

from functools import cached_property

import dagster as dg

from ..gate.context import Gate
from ..operations.project_assets import load_gate
from ..settings import load_settings


class PlatformTree(dg.ComponentTree):
    """Dagster's tree of components with the gate over the project that it belongs to."""

    @cached_property
    def gate(self) -> Gate:
        return load_gate(load_settings(project=self.project_root))


def gate_of(context: dg.ComponentLoadContext) -> Gate:
    """Returns the gate of the load; a tool that brings a tree of its own gets one for itself."""
    tree = context.component_tree
    if isinstance(tree, PlatformTree):
        return tree.gate
    return load_gate(load_settings(project=context.project_root))
