"""`orchestrator new …`: writes working files of something new, with comments that teach, to be read and edited."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .json_text import json_text
from .listing import Listing
from .place import Place, takes_place
from .progress import Progress
from .text import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..operations.new_files import NewFiles

_SELECTION = "A selection of assets, such as group:raw or '*'; may be given several times."


@click.group(cls=Listing)
def new() -> None:
    """Add something new to the project.

    Files that are there are never overwritten, and files with which the project would not load are not written.
    """


def _takes_dry_run(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--dry-run", is_flag=True, help="Print the files; write nothing.")(command)


@new.command
@click.argument("name")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_takes_dry_run
@takes_place
def source(place: Place, name: str, files: tuple[Path, ...], dry_run: bool) -> None:
    """Propose a source from sample FILES.

    A component and a contract are written, to be read and edited.
    """
    from ..operations.new_source import propose_new_source

    _finish(place, propose_new_source(place.settings(), name, files), dry_run=dry_run)


@new.command
@click.argument("name")
@click.option("--from", "parent", metavar="ASSET", help="The table that it is made of; else it has rows of its own.")
@click.option("--python", "how", flag_value="python", help="A function in Python.")
@click.option("--dbt", "how", flag_value="dbt", help="A dbt model, with a dbt project where there is none.")
@_takes_dry_run
@takes_place
def table(place: Place, name: str, parent: str | None, how: Any, dry_run: bool) -> None:
    """Write a table NAME, or SCHEMA.NAME: marts.NAME.

    By default it is a dbt model where the project has dbt tables, else a function in Python.
    """
    from ..operations.new_table import propose_new_table

    _finish(place, propose_new_table(place.settings(), name, parent, how), dry_run=dry_run)


@new.command
@click.argument("name")
@click.option("--of", metavar="ASSET", help="The table whose texts are embedded; else a table of notes comes along.")
@click.option("--text", default="", metavar="COLUMNS", help="The columns of the text, with commas; else all texts.")
@_takes_dry_run
@takes_place
def embedding(place: Place, name: str, of: str | None, text: str, dry_run: bool) -> None:
    """Write an embedding NAME: embeddings.NAME, with golden queries to begin with."""
    from ..operations.new_embedding import propose_new_embedding

    _finish(place, propose_new_embedding(place.settings(), name, of, _listed(text)), dry_run=dry_run)


@new.command
@click.argument("name")
@click.option("--examples", metavar="ASSET", help="The table to learn from; else made-up examples come along.")
@click.option("--time", metavar="COLUMN", help="When each example was known; else its only column of times.")
@click.option("--target", metavar="COLUMN", help="What is predicted.")
@click.option("--classes", default="", metavar="VALUES", help="What the target can be, with commas.")
@_takes_dry_run
@takes_place
def model(
    place: Place, name: str, examples: str | None, time: str | None, target: str | None, classes: str, dry_run: bool
) -> None:
    """Write a model NAME: models.NAME, with an estimator to begin with."""
    from ..operations.new_model import Learned, propose_new_model

    learned = Learned(examples, time, target, _listed(classes))
    _finish(place, propose_new_model(place.settings(), name, learned), dry_run=dry_run)


@new.command
@click.argument("name")
@click.option("--produces", multiple=True, metavar="SELECTION", help=_SELECTION)
@click.option("--audits", multiple=True, metavar="SELECTION", help=_SELECTION)
@click.option("--manual", is_flag=True, help="Only a person may start it.")
@_takes_dry_run
@takes_place
def agent(
    place: Place, name: str, produces: tuple[str, ...], audits: tuple[str, ...], manual: bool, dry_run: bool
) -> None:
    """Write the file of an agent NAME. Without selections it may ask and search, and nothing else."""
    from ..authority.agent_files import Invocation
    from ..operations.new_agent import propose_new_agent

    started = Invocation.MANUAL if manual else Invocation.AUTOMATIC
    _finish(place, propose_new_agent(place.settings(), name, produces, audits, started), dry_run=dry_run)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _finish(place: Place, new: "NewFiles", *, dry_run: bool) -> None:
    """Writes what was proposed, unless only asked for, and tells."""
    from ..operations.new_files import write_new

    problem = ""
    if not dry_run:
        with Progress() as progress:
            progress.say("loading the project with it")
            problem = write_new(place.settings(), new)
    if place.as_json:
        written = {str(file): text for file, text in new.files.items()}
        told = {"asset": new.asset, "files": written, "written": not dry_run, "unsure": new.unsure, "problem": problem}
        click.echo(json_text({new.kind: new.name, **told}))
    else:
        click.echo("\n".join(_lines(new, problem, written=not dry_run)))


def _lines(new: "NewFiles", problem: str, *, written: bool) -> "Iterator[str]":
    for file, text in new.files.items():
        yield f"{'wrote' if written else 'would write'} {visible(file)}"
        if not written:
            yield text
    if new.unsure:
        yield "Unsure of:"
        yield from (f"  - {visible(item)}" for item in new.unsure)
    if problem:
        yield f"The project does not load, as it did not before: {visible(problem)}"
    yield "Next:"
    yield from (f"  {number}. {step}" for number, step in enumerate(new.steps, 1))
