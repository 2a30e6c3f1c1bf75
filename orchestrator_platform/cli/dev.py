"""`orchestrator dev`: Dagster's pages for this home, on loopback."""

import click

from ..errors import EXIT_FAULT
from .place import Place, takes_place


@click.command
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="An address of this machine only.")
@takes_place
def dev(place: Place, port: int, host: str) -> int:
    """Serve Dagster's pages until stopped."""
    from ..operations.dev import run_dev

    settings = place.settings()
    click.echo(f"Dagster will be at http://{host}:{port}. Stop it with Ctrl-C.", err=True)
    return 0 if run_dev(settings, port, host) == 0 else EXIT_FAULT
