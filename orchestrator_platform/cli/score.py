"""`orchestrator score`: the published model answers for rows of a file."""

import csv
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .json_text import json_text
from .place import Place, takes_place

if TYPE_CHECKING:
    from ..operations.score import Scored


@click.command
@click.argument("model")
@click.option(
    "--in",
    "source",
    type=click.Path(path_type=Path, allow_dash=True),
    default=Path("-"),
    help="A .csv file with a header, or .json: a list of objects, or one per line. Default: standard input, as JSON.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Answer as CSV; rows from standard input are CSV then, too.")
@takes_place
def score(place: Place, model: str, source: Path, as_csv: bool) -> int:
    """Let the published MODEL answer for rows. Rows that break the contract of its inputs are refused, all at once."""
    from ..errors import Misuse
    from ..operations.score import score_rows

    given = _read(source)
    if as_csv and place.as_json:
        raise Misuse("Answers are CSV or JSON. Nothing was scored. Leave out --csv or --json.")
    is_csv = as_csv if str(source) == "-" else source.suffix.lower() == ".csv"
    scored = score_rows(place.gate(), model, given, is_csv=is_csv)
    if place.as_json:
        click.echo(json_text({**scored.champion.told, "rows": list(scored.rows)}))
    else:
        click.echo(_csv_text(scored), nl=False)
    return 0


def _read(source: Path) -> str:
    from ..errors import Misuse

    is_stdin = str(source) == "-"
    try:
        # Standard input has an encoding of the machine's, and may replace what it cannot read.
        data = sys.stdin.buffer.read() if is_stdin else source.read_bytes()
        return io.StringIO(data.decode("utf-8-sig"), newline=None).getvalue()
    except (OSError, UnicodeDecodeError) as error:
        told = "Standard input" if is_stdin else source
        raise Misuse(f"{told} cannot be read: {error}. Nothing was scored. Give UTF-8 text.") from error


def _csv_text(scored: "Scored") -> str:
    text = io.StringIO()
    if scored.rows:
        writer = csv.DictWriter(text, list(scored.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(scored.rows)
    return text.getvalue()
