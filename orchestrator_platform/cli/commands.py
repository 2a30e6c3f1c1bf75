"""The names of all commands. A command's module is imported when it is called or listed, and is light by itself."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import click

from .place import Opened, home_options

_MODULES: Mapping[str, str] = {
    "pull": "pull",
    "land": "land",
    "build": "build",
    "train": "train",
    "model": "model",
    "score": "score",
    "serve": "serve",
    "check": "check",
    "ci": "ci",
    "sample": "sample",
    "lint": "lint",
    "selftest": "selftest",
    "approve": "approve",
    "asks": "asks",
    "alerts": "alerts",
    "status": "status",
    "ledger": "ledger",
    "query": "query",
    "docs": "docs",
    "search": "search",
    "connect": "query",
    "diff": "diff",
    "history": "receipts",
    "receipt": "receipts",
    "quarantine": "quarantine",
    "rollback": "rollback",
    "release": "release",
    "releases": "release",
    "projections": "projections",
    "journal": "journal",
    "gc": "gc",
    "doctor": "doctor",
    "backup": "backup",
    "restore": "backup",
    "tune": "tune",
    "agents": "agents",
    "new": "new",
    "watch": "watch",
    "dev": "dev",
}


class LazyCommands(click.Group):
    """A group whose members are found by name: `status` is the attribute `status` of the module named for it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        module = _MODULES.get(cmd_name)
        if module is None:
            return None
        found: click.Command = getattr(import_module(f".{module}", __package__), cmd_name)
        return found


@click.command("orchestrator", cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@home_options
@click.version_option(package_name="orchestrator-platform", prog_name="orchestrator")
@click.pass_context
def root(context: click.Context, home: Path | None, project: Path | None) -> None:
    """Agents produce assets, other agents audit them, and nothing unaudited is ever readable.

    Exit codes: 0 done, 1 the answer is no, 2 misuse, 3 a fault.
    """
    opened = context.ensure_object(Opened)
    opened.home, opened.project = home, project
