"""`orchestrator asks`: what agents ask people to start; `approve N` starts it, `deny N` closes it."""

from typing import TYPE_CHECKING, Any

import click

from ..errors import EXIT_NO
from .acting import takes_by
from .json_text import json_lines, json_text
from .listing import Listing
from .place import Place, takes_place
from .progress import Progress
from .projections import tell_lagging
from .text import WIDE, table, visible_lines

if TYPE_CHECKING:
    from ..operations.asks import Answered
    from ..records.asks import Ask

_HEADERS = ("number", "asset", "trigger", "state", "measured", "limit", "asked", "why")


@click.group(cls=Listing, invoke_without_command=True)
@click.option("--all", "everything", is_flag=True, help="Also what was answered, or overtaken by another version.")
@takes_place
def asks(place: Place, everything: bool) -> int:
    """Show what agents ask a person to start, with the evidence."""
    context = click.get_current_context()
    if context.invoked_subcommand is not None:
        opened = place.opened
        opened.home, opened.project, opened.as_json = place.home, place.project, place.as_json
        return 0
    from ..operations.asks import read_asks

    found = [ask for ask in read_asks(place.gate()) if everything or ask.waits]
    if place.as_json:
        for line in json_lines(_as_json(ask) for ask in found):
            click.echo(line, nl=False)
    elif not found:
        click.echo("Nothing waits for an answer." if not everything else "Nothing was ever asked.")
    else:
        click.echo(table(_HEADERS, [_row(ask) for ask in found], right=(0, 4, 5), at_most=WIDE + 60, whole=(6,)))
    return 0


@asks.command
@click.argument("number", type=click.IntRange(min=1))
@click.option("--why", default="", help="The reason, for the journal and the receipt; needed.")
@takes_by
@click.option("--dry-run", is_flag=True, help="Say what would be started; start nothing.")
@takes_place
def approve(place: Place, number: int, why: str, by: str, dry_run: bool) -> int:
    """Say yes to ask NUMBER, and do what it asks for. Only a person can."""
    from ..operations.asks import approve_ask, plan_answer

    with Progress() as progress:
        gate = place.gate(progress.say)
        if dry_run:
            planned = plan_answer(gate, number, by=by)
            click.echo(json_text(_as_json(planned)) if place.as_json else f"{planned.asset} would be built by {by}.")
            return 0
        done = approve_ask(gate, number, by=by, why=why)
    _tell(place, done)
    tell_lagging(gate)
    return EXIT_NO if done.result is not None and done.result.is_no else 0


@asks.command
@click.argument("number", type=click.IntRange(min=1))
@click.option("--why", default="", help="The reason, for the journal; needed.")
@takes_by
@click.option("--dry-run", is_flag=True, help="Say what would be closed; change nothing.")
@takes_place
def deny(place: Place, number: int, why: str, by: str, dry_run: bool) -> None:
    """Say no to ask NUMBER. Nothing is started, and the same evidence does not ask again. Only a person can."""
    from ..operations.asks import deny_ask, plan_answer

    gate = place.gate()
    if dry_run:
        planned = plan_answer(gate, number, by=by, deny=True)
        click.echo(
            json_text(_as_json(planned)) if place.as_json else f"Ask {number} ({planned.asset}) would be closed."
        )
    else:
        _tell(place, deny_ask(gate, number, by=by, why=why))


def _tell(place: Place, done: "Answered") -> None:
    ask = done.ask
    if place.as_json:
        click.echo(json_text(_as_json(ask)))
    else:
        outcome = f": {ask.outcome}" if ask.outcome else ""
        click.echo(visible_lines(f"Ask {ask.number} ({ask.asset}) was {ask.state} by {ask.answered_by}{outcome}"))


def _row(ask: "Ask") -> tuple[Any, ...]:
    said = ask.outcome or ask.evidence.says
    return (
        ask.number,
        ask.asset,
        ask.evidence.trigger,
        ask.state,
        f"{ask.evidence.measured:g}",
        f"{ask.evidence.limit:g}",
        f"{ask.asked_at:%Y-%m-%d %H:%M}Z",
        said,
    )


def _as_json(ask: "Ask") -> dict[str, Any]:
    flat = ask.model_dump(mode="json")
    evidence = flat.pop("evidence")
    return {**flat, **evidence}
