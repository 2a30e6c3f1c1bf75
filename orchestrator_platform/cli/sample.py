"""`orchestrator sample`: a small home out of a large one, for branches and machines that have no other."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .acting import takes_by
from .json_text import json_text
from .place import FOLDER, Place, takes_place
from .progress import Progress
from .text import table, visible

if TYPE_CHECKING:
    from ..operations.sample import SampledAsset


@click.command
@click.option("--rows", type=click.IntRange(min=1), required=True, help="How many rows of the root table.")
@click.option("--to", type=FOLDER, required=True, help="The folder to make; it must not be there yet.")
@click.option("--root", default="", metavar="ASSET", help="The table to begin with; else the one whose key most have.")
@click.option("--dry-run", is_flag=True, help="Say how many rows would be taken; make nothing.")
@takes_by
@takes_place
def sample(place: Place, rows: int, to: Path, root: str, dry_run: bool, by: str) -> None:
    """Export rows that still join, as a home that `ci` can work over.

    Of the root table so many rows are taken, of every other one the rows of the same keys; vectors and models come
    along, landed files do not. What is marked as personal data is in it like everything else.
    """
    from ..authority.permissions import person
    from ..operations.sample import export_sample

    with Progress() as progress:
        made = export_sample(place.gate(progress.say), to, rows, person(by), root=root, dry_run=dry_run)
    if place.as_json:
        click.echo(json_text({**vars(made), "assets": [vars(item) for item in made.assets], "done": not dry_run}))
        return
    headers = ("asset", "rows", "of", "by", *([] if dry_run else ["made"]))
    cells = [_cells(asset)[: len(headers)] for asset in made.assets]
    click.echo(table(headers, cells, right=(1, 2)))
    for asset, why in made.kept:
        click.echo(visible(f"{asset} could not be made anew of the sample: {why}"))
    said = "would be made" if dry_run else "is made"
    click.echo(f"{made.home} {said}, by {made.root}. Use it: `orchestrator ci --lake {made.home}`.")


def _cells(asset: "SampledAsset") -> tuple[object, ...]:
    return asset.asset, asset.n_rows, asset.of, asset.by or "–", "anew" if asset.built else "as it was"
