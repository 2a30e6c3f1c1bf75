"""`orchestrator query` and `orchestrator connect`: reading what is published."""

from typing import TYPE_CHECKING

import click

from ..errors import Misuse
from .json_text import json_text
from .place import Place, takes_place
from .progress import Progress
from .results import csv_lines, json_rows, result_table
from .text import visible

if TYPE_CHECKING:
    import duckdb

    from ..operations.platform import Platform

_SHOWN_ROWS = 100
_MESSAGE_LIMIT = 600


@click.command
@click.argument("sql")
@click.option("--csv", "as_csv", is_flag=True, help='Print CSV (RFC 4180, UTF-8): NULL is empty, an empty text is "".')
@click.option("--snapshot", type=click.IntRange(min=0), help="Read all tables as they were at this snapshot.")
@click.option("--release", metavar="NAME", help="Read all tables as they were in this release.")
@click.option("--candidate", type=click.IntRange(min=0), help="Show this candidate of quarantine as its table.")
@click.option("--limit", type=click.IntRange(min=0), help="At most so many rows.")
@takes_place
def query(
    place: Place,
    sql: str,
    as_csv: bool,
    snapshot: int | None,
    release: str | None,
    candidate: int | None,
    limit: int | None,
) -> None:
    """Run one SELECT over the published tables.

    Tables are named schema.table. Text for people shows the first 100 rows; --json and
    --csv print all, unless --limit is given.
    """
    import duckdb

    if as_csv and place.as_json:
        raise click.UsageError("--json and --csv exclude each other.")
    if candidate is not None and (snapshot is not None or release is not None):
        raise click.UsageError("--candidate excludes --snapshot and --release.")
    try:
        result = _run(place.platform(), sql, snapshot, release, candidate)
        if as_csv or place.as_json:
            lines = csv_lines(result, limit) if as_csv else json_rows(result, limit)
            for line in lines:
                click.echo(line.encode("utf-8"), nl=False)
        else:
            click.echo(result_table(result, _SHOWN_ROWS if limit is None else limit, told=limit is not None))
    except (duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError, duckdb.PermissionException) as error:
        raise Misuse(_shortened(str(error))) from error


@click.command
@takes_place
def connect(place: Place) -> None:
    """Print the SQL that attaches the lake in any DuckDB, read-only."""
    from ..operations.connect import connect_statements

    statements = connect_statements(place.platform())
    click.echo(json_text(statements) if place.as_json else "\n".join(statements))


def _run(
    platform: "Platform", sql: str, snapshot: int | None, release: str | None, candidate: int | None
) -> "duckdb.DuckDBPyRelation":
    from ..errors import StatementRefused

    opened = platform.candidate(candidate) if candidate is not None else None
    if opened is not None:
        click.echo(visible(opened.warning), err=True)
    with Progress() as progress:
        progress.say("running the query")
        try:
            return opened.query(sql) if opened is not None else platform.at(snapshot, release=release).query(sql)
        except StatementRefused as error:
            raise Misuse(
                f"{_shortened(error.why)}\nNothing was run. Write one SELECT over tables named schema.table;"
                " `orchestrator status` lists them."
            ) from error


def _shortened(message: str) -> str:
    text = message.strip()
    return text if len(text) <= _MESSAGE_LIMIT else text[:_MESSAGE_LIMIT] + "…"
