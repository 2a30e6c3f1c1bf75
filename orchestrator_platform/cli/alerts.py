"""`orchestrator alerts`: what people should know of, and whether they were told; tells them, or tries the channels."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ..errors import EXIT_NO
from .json_text import json_lines
from .listing import Listing
from .place import Place, takes_place
from .text import WIDE, table, visible_lines

if TYPE_CHECKING:
    from ..records.alerts import Cause, Delivery

_HEADERS = ("about", "subject", "channel", "told", "says")


@click.group(cls=Listing, invoke_without_command=True)
@takes_place
def alerts(place: Place) -> int:
    """Show what people should know of now, and where it was told; 1 where a channel could not be told."""
    context = click.get_current_context()
    if context.invoked_subcommand is not None:
        opened = place.opened
        opened.home, opened.project, opened.as_json = place.home, place.project, place.as_json
        return 0
    from ..operations.alerts import read_alerts, read_causes
    from ..records.alerts import Delivery

    gate = place.gate()
    if gate.alerts is not None:
        return _tell(place, read_alerts(gate))
    return _tell(place, [Delivery(cause=cause, channel="") for cause in read_causes(gate)])


@alerts.command
@click.option("--dry-run", is_flag=True, help="Say what would be told; tell nobody.")
@takes_place
def send(place: Place, dry_run: bool) -> int:
    """Tell every channel what it was not told yet."""
    from ..operations.alerts import read_alerts, send_alerts

    gate = place.gate()
    if dry_run:
        return _tell(place, [each for each in read_alerts(gate) if each.sent_at is None])
    return _tell(place, send_alerts(gate))


@alerts.command
@takes_place
def test(place: Place) -> int:
    """Send a message without a cause to every channel, to see that it arrives."""
    from ..operations.alerts import try_channels

    tried = try_channels(place.gate())
    if place.as_json:
        for line in json_lines(vars(each) for each in tried):
            click.echo(line, nl=False)
    else:
        for each in tried:
            click.echo(visible_lines(f"{each.channel}: {each.problem or 'taken'}"))
    return EXIT_NO if any(each.problem for each in tried) else 0


def _tell(place: Place, stand: Sequence["Delivery"]) -> int:
    if place.as_json:
        for line in json_lines(_as_json(each) for each in stand):
            click.echo(line, nl=False)
    elif not stand:
        click.echo("There is nothing that people should know of.")
    else:
        click.echo(table(_HEADERS, [_row(each) for each in stand], at_most=WIDE + 60, whole=(3,)))
        for problem in dict.fromkeys(each.error for each in stand if each.error):
            click.echo(visible_lines(problem))
    return EXIT_NO if any(each.error and each.sent_at is None for each in stand) else 0


def _row(delivery: "Delivery") -> tuple[object, ...]:
    cause: Cause = delivery.cause
    told = f"{delivery.sent_at:%Y-%m-%d %H:%M}Z" if delivery.sent_at else ("failed" if delivery.error else "not yet")
    return (cause.about, cause.subject, delivery.channel or "nobody", told, cause.says)


def _as_json(delivery: "Delivery") -> dict[str, object]:
    flat = delivery.model_dump(mode="json")
    return {**flat.pop("cause"), **flat}
