"""`orchestrator new source`: looks at sample files once and writes a component and a contract to edit."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .json_text import json_text
from .place import Place, takes_place
from .text import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..operations.new_source import NewSource


@click.group
def new() -> None:
    """Add something new to the project."""


@new.command
@click.argument("name")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Print the files; write nothing.")
@takes_place
def source(place: Place, name: str, files: tuple[Path, ...], dry_run: bool) -> None:
    """Propose a source from sample FILES.

    A component and a contract are written, to be read and edited.
    """
    from ..operations.new_source import propose_new_source, write_new_source

    proposed = propose_new_source(place.settings(), name, files)
    if not dry_run:
        write_new_source(proposed)
    if place.as_json:
        written = {str(file): text for file, text in proposed.files.items()}
        click.echo(
            json_text(
                {
                    "source": proposed.name,
                    "asset": proposed.asset,
                    "files": written,
                    "written": not dry_run,
                    "unsure": proposed.unsure,
                }
            )
        )
    else:
        click.echo("\n".join(_lines(proposed, written=not dry_run)))


def _lines(proposed: "NewSource", *, written: bool) -> "Iterator[str]":
    for file, text in proposed.files.items():
        yield f"{'wrote' if written else 'would write'} {visible(file)}"
        if not written:
            yield text
    if proposed.unsure:
        yield "Unsure of:"
        yield from (f"  - {visible(item)}" for item in proposed.unsure)
    asset, name = proposed.asset, proposed.name
    yield "Next:"
    yield f"  1. Read both files and edit them: {asset} promises what the contract says."
    yield f"  2. One agent must produce {asset} and another audit it: `orchestrator agents check`."
    yield f"  3. `orchestrator land {name} FILE…`"
