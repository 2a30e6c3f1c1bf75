"""`orchestrator doctor`: what is wrong with the home, and the command for it."""

from typing import TYPE_CHECKING

import click

from .json_text import json_text
from .place import Place, takes_place
from .text import plural

if TYPE_CHECKING:
    from ..records.upkeep import Ailment


@click.command
@click.option("--fix", is_flag=True, help="Mend what is safe to mend.")
@click.option("--quick", is_flag=True, help="Compare sizes; do not read every file.")
@click.option("--by", default="", metavar="NAME", help="The person who mends.")
@takes_place
def doctor(place: Place, fix: bool, quick: bool, by: str) -> int:
    """Look for damage: parts, catalog, receipts, files, left-overs, projections, disk, clock.

    Nothing is changed without --fix. Exit code 0 if nothing is wrong, 1 if something is.
    """
    from ..operations.doctor import Doctor
    from ..settings import load_settings

    at_work = Doctor(load_settings(place.home, place.project, check_format=False), quick)
    examined = at_work.mend(by) if fix else at_work.examine()
    if place.as_json:
        told = {"healthy": examined.is_healthy, **vars(examined)}
        click.echo(json_text(told))
    else:
        for ailment in examined.ailments:
            click.echo(_told(ailment))
        left = sum(1 for ailment in examined.ailments if not ailment.fixed and ailment.severity != "note")
        looked = f"{plural(examined.n_versions, 'version')} and {plural(examined.n_files, 'file')} looked at"
        wrong = plural(left, "problem") if left else "nothing is wrong"
        click.echo(f"{looked}, {examined.n_hashed:,} of them read whole: {wrong}.")
    return 0 if examined.is_healthy else 1


def _told(ailment: "Ailment") -> str:
    head = f"{'mended' if ailment.fixed else ailment.severity}  {ailment.check}: {ailment.culprit} {ailment.problem}"
    if ailment.fixed or not ailment.command:
        return head
    does = f", which {ailment.fix}" if ailment.fix else ""
    return f"{head}\n       run: {ailment.command}{does}"
