"""`orchestrator docs`: dbt's documentation of the project, as one file to open."""

import click

from .json_text import json_text
from .place import Place, takes_place


@click.command
@click.option("--open", "shown", is_flag=True, help="Open it in the browser.")
@takes_place
def docs(place: Place, shown: bool) -> None:
    """Write dbt's documentation of the models, with the columns and rows that serve, as one page.

    `orchestrator dev` serves the same page, and Dagster's pages of dbt models link to it.
    """
    from ..operations.docs_page import write_docs

    file = write_docs(place.gate())
    click.echo(json_text({"file": file}) if place.as_json else str(file))
    if shown:
        click.launch(file.as_uri())
