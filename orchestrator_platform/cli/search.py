"""`orchestrator search`: the rows of an embedding that answer a question best."""

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from .json_text import json_lines
from .place import Place, takes_place
from .progress import Progress
from .text import WIDE, plural, table, visible

if TYPE_CHECKING:
    from ..records.searches import Found, Hit


@click.command
@click.argument("text")
@click.option("--asset", metavar="ASSET", help="The embedding; may be left out where there is only one.")
@click.option(
    "--mode",
    type=click.Choice(["hybrid", "vector", "text"]),
    default="hybrid",
    show_default=True,
    help="By meaning (vector), by words (text), or both.",
)
@click.option("--where", metavar="SQL", help="A condition on the columns of the source table, as it was then.")
@click.option("--value", "values", multiple=True, metavar="TEXT", help="Bound to the next ? of the condition, as text.")
@click.option("-k", "k", type=int, default=10, show_default=True, help="At most so many answers.")
@click.option("--version", type=click.IntRange(min=1), help="Search a kept version instead of the served one.")
@click.option(
    "--backend",
    type=click.Choice(["local", "weaviate"]),
    default="local",
    show_default=True,
    help="Who answers: files of the home, or the server that the embedding is projected to.",
)
@takes_place
def search(
    place: Place,
    text: str,
    asset: str | None,
    mode: str,
    where: str | None,
    values: Sequence[str],
    k: int,
    version: int | None,
    backend: str,
) -> None:
    """Find the rows that answer TEXT best.

    What answers is the version that serves. The columns shown are those that the component lists; a condition may be
    about any column of the table that was embedded, as it was when it was.
    """
    from ..operations.search import open_searcher

    with Progress() as progress:
        progress.say("searching")
        with closing(open_searcher(place.gate(progress.say))) as searcher:
            found = searcher.search(
                text, asset=asset, mode=mode, where=where, values=values, k=k, version=version, backend=backend
            )
    if place.as_json:
        for line in json_lines(hit_json(found, hit) for hit in found.hits):
            click.echo(line, nl=False)
        return
    click.echo(_heading(found))
    if found.hits:
        click.echo(table(_headers(found), [_row(hit) for hit in found.hits], right=(0,), at_most=WIDE + 60))


def hit_json(found: "Found", hit: "Hit") -> dict[str, Any]:
    """Returns one answer as it is printed; the key of one column is its value, of several an object."""
    key = hit.key[0] if len(hit.key) == 1 else dict(zip(found.key_columns, hit.key, strict=True))
    return {
        "key": key,
        "score": hit.score,
        "title": hit.title,
        "asset": found.asset,
        "version": found.version,
        "source": found.source,
        "source_version": found.source_version,
        "found_by": list(hit.found_by),
        "vector_score": hit.vector_score,
        "text_score": hit.text_score,
        "show": hit.show,
    }


def _heading(found: "Found") -> str:
    served = "" if found.is_served else ", which does not serve"
    source = f"{found.source} version {found.source_version}" if found.source_version else f"{found.source}"
    answers = plural(len(found.hits), "answer") if found.hits else "nothing matches"
    return f"{found.asset} version {found.version}{served}, of {visible(source)}: {answers}"


def _headers(found: "Found") -> tuple[str, ...]:
    return ("score", *found.key_columns, "title", "found by", *found.hits[0].show)


def _row(hit: "Hit") -> tuple[Any, ...]:
    return (f"{hit.score:.3f}", *hit.key, hit.title, ", ".join(hit.found_by), *hit.show.values())
