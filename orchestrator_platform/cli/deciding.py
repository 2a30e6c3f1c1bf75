"""`orchestrator quarantine replay N` and `discard N`: what becomes of an entry of the quarantine is decided."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from .acting import takes_by
from .findings import failure_lines
from .json_text import json_text
from .place import Place, takes_place
from .progress import Progress
from .text import count, plural, visible

if TYPE_CHECKING:
    from ..gate.cycle.replayed import Replayed
    from ..operations.discard import DiscardPlan

_NAMED_FILES = 5
_SAID = {"approve": "published", "reject": "rejected", "escalate": "escalated"}


@click.command
@click.argument("number", type=click.IntRange(min=0))
@click.option("--why", default="", help="The reason, for the journal.")
@takes_by
@click.option("--dry-run", is_flag=True, help="Judge, and change nothing.")
@takes_place
def replay(place: Place, number: int, why: str, by: str, dry_run: bool) -> int:
    """Judge entry NUMBER again, under the contract and checks of now; publish what is let in.

    Nothing is built or landed again. What is not let in stays, and waits on.
    """
    from ..operations.replay import replay as replay_entry

    with Progress() as progress:
        done = replay_entry(place.gate(progress.say), number, why=why, by=by, dry_run=dry_run)
    click.echo(json_text(_replayed_json(done, dry_run)) if place.as_json else "\n".join(_replayed_lines(done, dry_run)))
    return 1 if done.is_no else 0


def _replayed_json(done: "Replayed", dry_run: bool) -> dict[str, Any]:
    findings = done.verdict.findings if done.verdict is not None else ()
    return {
        "number": done.entry.id,
        "asset": done.entry.asset,
        "done": not dry_run and not done.is_no,
        "decision": done.verdict.decision if done.verdict is not None else None,
        "version": done.receipt.version if done.receipt is not None else None,
        "snapshot": done.receipt.snapshot if done.receipt is not None else None,
        "n_accepted": done.n_accepted,
        "still_bad": dict(done.still_bad),
        "asked_as": done.asked_as,
        "entry": done.entry,
        "findings": [finding for finding in findings if not finding.passed],
    }


def _replayed_lines(done: "Replayed", dry_run: bool) -> Iterator[str]:
    yield f"{done.entry.asset}  {_what_became(done, dry_run)}"
    if done.still_bad:
        reasons = ", ".join(f"{number:,} × {visible(rule)}" for rule, number in done.still_bad.items())
        yield f"still bad: {reasons}"
    if done.verdict is not None:
        yield from failure_lines(tuple(finding for finding in done.verdict.findings if not finding.passed))
    if done.is_no:
        yield f"Nothing was published. Look: `orchestrator quarantine show {done.entry.id}`."
    elif not dry_run:
        yield "What stands on it is built by the next `orchestrator build`."


def _what_became(done: "Replayed", dry_run: bool) -> str:
    number = f"entry {done.entry.id}"
    if done.verdict is None:
        return f"not published: no row of {number} is good now"
    rows = f", {plural(done.n_accepted, 'row')} of {number}" if done.n_accepted else f", {number}"
    if done.receipt is not None:
        receipt = done.receipt
        change = f"version {receipt.base_version or 'none'} → {receipt.version}"
        return f"published  {change}{rows} (+{count(receipt.n_inserted)} −{count(receipt.n_deleted)})"
    if dry_run:
        return f"would be {_SAID[done.verdict.decision]}{rows}"
    asked = done.asked_as if done.asked_as is not None else done.entry.id
    if done.verdict.decision == "escalate":
        return f"escalated: a person must approve it: `orchestrator approve {asked} --why TEXT`"
    return f"rejected again{rows}"


@click.command
@click.argument("number", type=click.IntRange(min=0))
@click.option("--why", default="", help="The reason, for the journal; needed.")
@takes_by
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
