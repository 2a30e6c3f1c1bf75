"""`orchestrator dev`: Dagster's own pages over this home, on loopback."""

import click

from .place import Place, takes_home


@click.command
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65535))
@takes_home
def dev(place: Place, port: int) -> int:
    """Open Dagster's UI on this home, and carry through what arrives, until interrupted."""
    from ..operations.dev import run_dev

    return run_dev(place.settings(), port, say=lambda text: click.echo(text, err=True))
