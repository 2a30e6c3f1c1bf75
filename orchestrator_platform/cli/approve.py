"""`orchestrator approve N`: a person lets in a candidate whose auditor asked for one."""

from typing import TYPE_CHECKING

import click

from .acting import by_option
from .findings import failure_lines
from .json_text import json_text
from .place import Place, takes_place
from .progress import Progress
from .projections import tell_lagging
from .text import count, plural

if TYPE_CHECKING:
    from ..operations.approve import ApprovalPlan, Approved


@click.command
@click.argument("number", type=click.IntRange(min=0))
@click.option("--why", default="", help="The reason, for the receipt and the journal; needed.")
@by_option("--as")
@click.option("--dry-run", is_flag=True, help="Say what would be published; publish nothing.")
@takes_place
def approve(place: Place, number: int, why: str, by: str, dry_run: bool) -> None:
    """Publish the escalated candidate that waits as NUMBER in quarantine.

    Only a person can. The approval holds for the verdict that asked, and for nothing else.
    """
    from ..operations.approve import approve as approve_candidate
    from ..operations.approve import plan_approval

    with Progress() as progress:
        gate = place.gate(progress.say)
        if dry_run:
            planned = plan_approval(gate, number, approver=by)
            click.echo(json_text(vars(planned)) if place.as_json else _planned(planned))
            return
        done = approve_candidate(gate, number, approver=by, reason=why)
    click.echo(json_text(_as_json(done)) if place.as_json else _text(done))
    tell_lagging(gate)


def _planned(planned: "ApprovalPlan") -> str:
    change = f"version {planned.base_version or 'none'} → {(planned.base_version or 0) + 1}"
    said = (
        f"{planned.asset} would be published: {change}, {plural(planned.n_rows, 'row')}, approved by {planned.approver}"
    )
    return "\n".join([said, *failure_lines(planned.asked)])


def _text(done: "Approved") -> str:
    receipt = done.receipt
    change = f"version {receipt.base_version or 'none'} → {receipt.version}"
    rows = f"{plural(receipt.n_rows, 'row')} (+{count(receipt.n_inserted)} −{count(receipt.n_deleted)})"
    by = receipt.approval.approver if receipt.approval else ""
    return (
        f"{receipt.asset}  published  {change}, {rows}, approved by {by}\n"
        "What stands on it is built by the next `orchestrator build`."
    )


def _as_json(done: "Approved") -> dict[str, object]:
    return {"number": done.number, "receipt": done.receipt.model_dump(mode="json")}
