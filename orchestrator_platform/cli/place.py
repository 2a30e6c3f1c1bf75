"""Where a command works: the options --home, --project and --json, and the platform opened from them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ..gate.context import Gate
    from ..operations.platform import Platform
    from ..settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])
FOLDER = click.Path(path_type=Path, file_okay=False)


@dataclass
class Opened:
    """What the edge needs to know if a command breaks: filled in as soon as it is known."""

    home: Path | None = None
    project: Path | None = None
    as_json: bool = False
    journal: Path | None = None


@dataclass(frozen=True)
class Place:
    """A home and a project, by default those around the working folder; nothing is opened before it is asked for."""

    home: Path | None
    project: Path | None
    as_json: bool
    opened: Opened

    def settings(self) -> "Settings":
        from ..settings import load_settings

        settings = load_settings(self.home, self.project)
        self.opened.journal = settings.home.journal
        return settings

    def platform(self) -> "Platform":
        settings = self.settings()
        from ..operations.overlay import prepare_home
        from ..operations.platform import Platform

        prepare_home(settings)
        return Platform(settings)

    def gate(self, say: Callable[[str], None] | None = None) -> "Gate":
        """Returns the gate; it tells `say` what is being done."""
        from dataclasses import replace

        gate = self.platform().gate
        return replace(gate, say=say) if say is not None else gate


def home_options(function: Command) -> Command:
    """Gives a command --home and --project."""
    home = click.option("--home", type=FOLDER, help="Home folder; else ORCHESTRATOR_HOME, else the project's.")
    project = click.option("--project", type=FOLDER, help="Project folder; else the one around the working folder.")
    return home(project(function))


def takes_home(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command --home and --project, and passes them on as its first argument."""

    @wraps(function)
    def command(home: Path | None, project: Path | None, **arguments: Any) -> Any:
        return function(_place(home, project, as_json=False), **arguments)

    return home_options(command)


def takes_place(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command --home, --project and --json, and passes them on as its first argument."""

    @wraps(function)
    def command(home: Path | None, project: Path | None, as_json: bool, **arguments: Any) -> Any:
        return function(_place(home, project, as_json=as_json), **arguments)

    json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    return home_options(json(command))


def _place(home: Path | None, project: Path | None, *, as_json: bool) -> Place:
    opened = click.get_current_context().ensure_object(Opened)
    return Place(home or opened.home, project or opened.project, as_json or opened.as_json, opened)
