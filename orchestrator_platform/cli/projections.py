"""`orchestrator projections`: how far the serving copies have come; brings them up, or makes them anew."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ..errors import EXIT_NO
from .json_text import json_lines
from .listing import Listing
from .place import Place, takes_place
from .progress import Progress
from .text import WIDE, table, visible_lines

if TYPE_CHECKING:
    from ..gate.context import Gate
    from ..operations.projections import TargetState

_HEADERS = ("target", "serving", "published", "lag", "place")


@click.group(cls=Listing, invoke_without_command=True)
@takes_place
def projections(place: Place) -> int:
    """Show what each serving copy serves, beside what is published; 1 where one is behind."""
    context = click.get_current_context()
    if context.invoked_subcommand is not None:
        opened = place.opened
        opened.home, opened.project, opened.as_json = place.home, place.project, place.as_json
        return 0
    from ..operations.projections import read_projections

    return _tell(place, read_projections(place.gate()))


@projections.command
@click.argument("targets", nargs=-1)
@takes_place
def sync(place: Place, targets: Sequence[str]) -> int:
    """Bring TARGETS, by default all, to what is published."""
    return _bring(place, targets, anew=False)


@projections.command
@click.argument("targets", nargs=-1)
@takes_place
def rebuild(place: Place, targets: Sequence[str]) -> int:
    """Make TARGETS, by default all, anew from the lake."""
    return _bring(place, targets, anew=True)


def tell_lagging(gate: "Gate") -> None:
    """Says on stderr which serving copies could not follow what was published; the publication stands."""
    from ..operations.projections import read_lagging

    for served in read_lagging(gate):
        click.echo(visible_lines(f"behind: {served.error}"), err=True)


def _bring(place: Place, targets: Sequence[str], *, anew: bool) -> int:
    from ..operations.projections import sync as bring_up

    with Progress() as progress:
        states = bring_up(place.gate(progress.say), targets, anew=anew)
    return _tell(place, states)


def _tell(place: Place, states: Sequence["TargetState"]) -> int:
    if place.as_json:
        for line in json_lines(vars(state) for state in states):
            click.echo(line, nl=False)
    elif not states:
        click.echo("The project declares no projection. An embedding has one: docs/search.md.")
    else:
        click.echo(table(_HEADERS, [_row(state) for state in states], right=(1, 2, 3), at_most=WIDE + 60))
        for state in states:
            if state.error:
                click.echo(visible_lines(f"behind: {state.error}"))
    return EXIT_NO if any(state.is_behind for state in states) else 0


def _row(state: "TargetState") -> tuple[object, ...]:
    return (state.target, state.serving or "nothing", state.published or "nothing", state.lag, state.place)
