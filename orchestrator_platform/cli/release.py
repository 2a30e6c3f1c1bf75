"""`orchestrator release NAME` and `orchestrator releases`: one snapshot of all assets under a name that never moves."""

import click

from .acting import takes_by
from .json_text import json_lines, json_text
from .place import Place, takes_place
from .text import table

_HEADERS = ("name", "snapshot", "released at", "by", "why")


@click.command
@click.argument("name")
@click.option("--why", default="", help="What it is for.")
@takes_by
@click.option("--dry-run", is_flag=True, help="Say whether it may be named so; name nothing.")
@takes_place
def release(place: Place, name: str, why: str, by: str, dry_run: bool) -> None:
    """Name what serves now, all assets together.

    Read it with `query --release NAME`, return to it with `rollback --release NAME`.
    """
    from ..operations.releases import release as name_release

    named = name_release(place.gate(), name, why=why, by=by, dry_run=dry_run)
    if place.as_json:
        click.echo(json_text({"name": name, "snapshot": named.snapshot if named else None, "done": named is not None}))
    elif named is None:
        click.echo(f"What serves now would be named {name}.")
    else:
        click.echo(f"release {named.name}: snapshot {named.snapshot}")


@click.command
@takes_place
def releases(place: Place) -> None:
    """List the releases, oldest first."""
    from ..operations.releases import releases as read_releases

    found = read_releases(place.platform())
    if place.as_json:
        for text in json_lines(found):
            click.echo(text, nl=False)
    elif not found:
        click.echo("Nothing was released yet. Name what serves now: `orchestrator release NAME`.")
    else:
        rows = [(r.name, r.snapshot, f"{r.released_at:%Y-%m-%d %H:%M:%S}Z", r.agent, r.why) for r in found]
        click.echo(table(_HEADERS, rows, right=(1,), whole=(2,)))
