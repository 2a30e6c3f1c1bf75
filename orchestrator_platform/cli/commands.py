"""The names of all commands. A command's module is imported when it is called or listed, and is light by itself."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import click

from .listing import Listing
from .place import Opened, home_options

_SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Bring in and build": ("pull", "land", "build", "watch", "dev"),
    "Read": ("status", "query", "search", "connect", "docs"),
    "Look back": ("history", "receipt", "diff", "ledger", "journal"),
    "Decide": ("quarantine", "approve", "asks", "alerts", "rollback", "release", "releases"),
    "Models": ("train", "model", "score", "serve"),
    "Test what is judged": ("check", "ci", "sample", "lint", "selftest"),
    "Keep in order": ("projections", "tune", "gc", "doctor", "backup", "restore"),
    "Add to the project": ("new", "agents"),
}
# Where a command is found that is not in the module of its name.
_ELSEWHERE: Mapping[str, str] = {
    "connect": "query",
    "history": "receipts",
    "receipt": "receipts",
    "releases": "release",
    "restore": "backup",
}
_NAMES = tuple(name for names in _SECTIONS.values() for name in names)


class LazyCommands(Listing):
    """A group whose members are found by name: `status` is the attribute `status` of the module named for it."""

    sections = _SECTIONS

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _NAMES:
            return None
        module = import_module(f".{_ELSEWHERE.get(cmd_name, cmd_name)}", __package__)
        found: click.Command = getattr(module, cmd_name)
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
