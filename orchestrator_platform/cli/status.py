"""`orchestrator status`: what serves, in what state, made and judged by whom."""

from typing import TYPE_CHECKING

import click

from .json_text import json_lines
from .place import Place, takes_place
from .text import count, table

if TYPE_CHECKING:
    from ..operations.status import AssetStatus

_HEADERS = ("asset", "kind", "version", "rows", "state", "fresh", "producer", "auditor", "why")


@click.command
@takes_place
def status(place: Place) -> None:
    """Show what serves, and whether it is up to date."""
    from ..operations.status import read_status

    found = read_status(place.gate())
    if place.as_json:
        for text in json_lines(vars(item) for item in found):
            click.echo(text, nl=False)
    elif not found:
        click.echo("The project declares no assets. Add a source: `orchestrator new source NAME FILE…`.")
    else:
        click.echo(table(_HEADERS, [_row(item) for item in found], right=(2, 3)))


def _row(item: "AssetStatus") -> tuple[object, ...]:
    why = "" if item.state == "current" and item.kind != "raw" else item.why
    late = item.age if item.freshness == "late" else ""
    return (
        item.asset,
        item.kind,
        count(item.version),
        count(item.n_rows),
        item.state,
        item.freshness,
        item.producer,
        item.auditor,
        "; ".join(text for text in (late, why) if text),
    )
