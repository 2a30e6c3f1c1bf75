"""`orchestrator journal`: what every agent did, why, and with what outcome."""

from typing import TYPE_CHECKING

import click

from .json_text import json_lines
from .place import Place, takes_place
from .text import WIDE, table

if TYPE_CHECKING:
    from ..records.events import Event

_HEADERS = ("at", "agent", "act", "subject", "outcome", "on behalf of", "reason")
_SHOWN_EVENTS = 50


@click.command
@click.option("--limit", type=click.IntRange(min=1), help="The newest so many; by default 50, with --json all.")
@takes_place
def journal(place: Place, limit: int | None) -> None:
    """Show the newest events, oldest of them first."""
    from ..operations.records_of import journal as read_journal

    shown = limit if limit is not None or place.as_json else _SHOWN_EVENTS
    events = read_journal(place.platform(), shown)
    if place.as_json:
        for text in json_lines(events):
            click.echo(text, nl=False)
    elif not events:
        click.echo("The journal is empty: nothing was done in this home yet.")
    else:
        click.echo(table(_HEADERS, [_row(event) for event in events], at_most=WIDE, whole=(0,)))


def _row(event: "Event") -> tuple[str, ...]:
    at = f"{event.at:%Y-%m-%d %H:%M:%S}Z"
    return (at, event.agent, event.act, event.subject, event.outcome, event.on_behalf_of, event.reason)
