"""`orchestrator audit`: judges again what waits or serves, and publishes nothing."""

from typing import TYPE_CHECKING

import click

from ..errors import EXIT_NO
from .findings import failure_lines, findings_table
from .json_text import json_text
from .place import Place, takes_place
from .progress import Progress

if TYPE_CHECKING:
    from ..operations.audit import AuditedAgain


@click.command
@click.argument("assets", nargs=-1, required=True)
@takes_place
def audit(place: Place, assets: tuple[str, ...]) -> int:
    """Judge again what waits, or else what serves.

    Of each of ASSETS it is the candidate in quarantine, or the served version. Nothing is published.
    """
    from ..operations.audit import audit_again

    with Progress() as progress:
        gate = place.gate(progress.say)
        judged = [audit_again(gate, asset) for asset in assets]
    if place.as_json:
        click.echo(json_text([{"subject": item.subject, **item.verdict.model_dump(mode="json")} for item in judged]))
    else:
        click.echo("\n\n".join(_text(item) for item in judged))
    return 0 if all(item.verdict.decision == "approve" for item in judged) else EXIT_NO


def _text(item: "AuditedAgain") -> str:
    verdict = item.verdict
    return "\n".join(
        [
            f"{verdict.asset}, {item.subject}: {verdict.decision}, says {verdict.auditor}",
            *failure_lines(verdict.findings),
            findings_table(verdict.findings),
        ]
    )
