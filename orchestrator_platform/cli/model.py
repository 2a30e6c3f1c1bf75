"""`orchestrator model`: the versions of models, two of them side by side, and one trained anew from its receipt."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from ..errors import EXIT_NO
from .json_text import json_lines, json_text
from .listing import Listing
from .place import Place, takes_place
from .progress import Progress
from .text import table, visible

if TYPE_CHECKING:
    from ..operations.models import Compared

_LISTED = ("model", "version", "alias", "metric", "value", "trained_on_until")


@click.group(cls=Listing)
def model() -> None:
    """List, compare and reproduce models."""


@model.command("list")
@takes_place
def list_(place: Place) -> None:
    """List every version of every model, newest first; `champion` is the one that serves."""
    from ..operations.models import list_models

    found = [asdict(version) for version in list_models(place.gate())]
    if place.as_json:
        for line in json_lines(found):
            click.echo(line, nl=False)
    elif not found:
        click.echo("No model was trained yet. Train one: `orchestrator train ASSET`.")
    else:
        headers = [name.replace("_", " ") for name in _LISTED]
        click.echo(table(headers, [[_cell(row[name]) for name in _LISTED] for row in found], right=(1, 4)))


@model.command
@click.argument("name", metavar="MODEL")
@click.argument("one", type=click.IntRange(min=1), metavar="V1")
@click.argument("other", type=click.IntRange(min=1), metavar="V2")
@takes_place
def compare(place: Place, name: str, one: int, other: int) -> None:
    """Show what the audits of two versions measured, and how V2 answers its holdout beside V1."""
    from ..operations.models import compare_models

    with Progress() as progress:
        compared = compare_models(place.gate(progress.say), name, one, other)
    click.echo(json_text(asdict(compared)) if place.as_json else _compared(compared))


@model.command
@click.argument("model_version", metavar="MODEL@V")
@takes_place
def reproduce(place: Place, model_version: str) -> int:
    """Train a version anew from its receipt alone, and compare the answers; 1 where they differ."""
    from ..operations.models import parse_model_version, reproduce_model

    name, version = parse_model_version(model_version)
    with Progress() as progress:
        result = reproduce_model(place.gate(progress.say), name, version)
    if place.as_json:
        click.echo(json_text(asdict(result)))
    else:
        word = "reproduced" if result.agrees else "not reproduced"
        said = f"{result.model}@{result.version} {word}: {visible(result.says)}; tolerance {result.tolerance:g}"
        click.echo(said)
    return 0 if result.agrees else EXIT_NO


def _compared(compared: "Compared") -> str:
    headers = ("measured", f"version {compared.one.version}", f"version {compared.other.version}")
    rows = [(check, _cell(before), _cell(after)) for check, before, after in compared.measured]
    apart = "" if compared.same_examples else "\nThe two were measured on different examples; below on the same."
    return f"{table(headers, rows, right=(1, 2))}{apart}\n{visible(compared.verdict)}"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return "" if value is None else str(value)
