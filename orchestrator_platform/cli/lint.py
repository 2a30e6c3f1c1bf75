"""`orchestrator lint`: agents, contracts and components as files, quickly enough for every commit."""

from pathlib import Path

import click

from ..errors import EXIT_NO
from .json_text import json_text
from .place import Place, takes_place
from .text import plural, visible


@click.command
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@takes_place
def lint(place: Place, files: tuple[Path, ...]) -> int:
    """Check agents, contracts and components as files, without loading them.

    Nothing of the project is run, and neither Dagster nor dbt nor pandas is imported. FILES, as a hook before a commit
    names them, only say whether there is something to do: what is written in one file is used in others.
    """
    from ..operations.lint import lint as lint_project

    settings = place.settings()
    if files and not any(_is_ours(file, settings.project.root) for file in files):
        return 0
    found = lint_project(settings)
    if place.as_json:
        unchecked = {"seats_unchecked_because": found.seats_unchecked_because}
        click.echo(json_text({"problems": [vars(problem) for problem in found.problems], **unchecked}))
    else:
        for problem in found.problems:
            click.echo(visible(problem))
        if found.is_good:
            said = (plural(found.n_agents, "agent"), plural(found.n_components, "component"))
            click.echo(f"{', '.join(said)}, {plural(found.n_contracts, 'contract')}: no problem.")
        if found.seats_unchecked_because:
            click.echo(f"Empty seats were not looked for: {visible(found.seats_unchecked_because)}.", err=True)
    return 0 if found.is_good else EXIT_NO


def _is_ours(file: Path, root: Path) -> bool:
    return file.suffix in {".md", ".yaml", ".yml", ".py", ".sql", ".toml"} and file.resolve().is_relative_to(root)
