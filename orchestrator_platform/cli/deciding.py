"""`orchestrator quarantine discard N`: what becomes of an entry of the quarantine is decided."""

from typing import TYPE_CHECKING

import click

from .json_text import json_text
from .place import Place, takes_place
from .progress import Progress
from .text import plural

if TYPE_CHECKING:
    from ..operations.discard import DiscardPlan

_NAMED_FILES = 5


@click.command
@click.argument("number", type=click.IntRange(min=0))
@click.option("--why", default="", help="The reason, for the journal; needed.")
@click.option("--by", default="", metavar="NAME", help="The person who decides.")
@click.option("--dry-run", is_flag=True, help="Say what would be discarded; change nothing.")
@takes_place
def discard(place: Place, number: int, why: str, by: str, dry_run: bool) -> None:
    """Close entry NUMBER for good: nothing of it is published.

    Its rows stay counted as quarantined, the same inputs stay rejected, and a candidate's files are removed.
    """
    from ..operations.discard import discard as discard_entry
    from ..operations.discard import plan_discard

    with Progress() as progress:
        gate = place.gate(progress.say)
        done = plan_discard(gate, number, by=by) if dry_run else discard_entry(gate, number, why=why, by=by)
    if place.as_json:
        click.echo(json_text(vars(done) | {"done": not dry_run}))
    else:
        click.echo(_discarded("would be discarded" if dry_run else "is discarded", done))


def _discarded(what: str, done: "DiscardPlan") -> str:
    entry = done.entry
    said = f"Entry {entry.id} ({entry.asset}, {plural(entry.n_rows, 'row')}) {what} by {done.agent}."
    if not done.files_refused:
        return said
    named = ", ".join(done.files_refused[:_NAMED_FILES])
    more = len(done.files_refused) - _NAMED_FILES
    and_more = f" and {plural(more, 'more file')}" if more > 0 else ""
    return f"{said} Refused with it: {named}{and_more}."
