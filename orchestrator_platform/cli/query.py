"""`orchestrator query` and `orchestrator connect`: reading what is published."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from ..errors import Misuse
from .json_text import json_lines, json_text, unique_names
from .place import Place, takes_place
from .progress import Progress
from .text import plural, table

if TYPE_CHECKING:
    import duckdb

    from ..operations.platform import Platform

_SHOWN_ROWS = 100
_BATCH_ROWS = 1_000
_MESSAGE_LIMIT = 600
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
            "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL")  # fmt: skip
# Python's values cannot hold all of these; DuckDB's own text for them can.
_AS_TEXT = ("DATE", "TIME", "INTERVAL", "BIT")


@click.command
@click.argument("sql")
@click.option("--csv", "as_csv", is_flag=True, help='Print CSV (RFC 4180, UTF-8): NULL is empty, an empty text is "".')
@click.option("--snapshot", type=click.IntRange(min=0), help="Read all tables as they were at this snapshot.")
@click.option("--limit", type=click.IntRange(min=0), help="At most so many rows.")
@takes_place
def query(place: Place, sql: str, as_csv: bool, snapshot: int | None, limit: int | None) -> None:
    """Run one SELECT over the published tables.

    Tables are named schema.table. Text for people shows the first 100 rows; --json and
    --csv print all, unless --limit is given.
    """
    import duckdb

    if as_csv and place.as_json:
        raise click.UsageError("--json and --csv exclude each other.")
    try:
        result = _run(place.platform(), sql, snapshot)
        if as_csv or place.as_json:
            lines = _csv_lines(result, limit) if as_csv else _json_lines(result, limit)
            for line in lines:
                click.echo(line.encode("utf-8"), nl=False)
        else:
            click.echo(_as_table(result, _SHOWN_ROWS if limit is None else limit, told=limit is not None))
    except (duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError, duckdb.PermissionException) as error:
        raise Misuse(_shortened(str(error))) from error


@click.command
@takes_place
def connect(place: Place) -> None:
    """Print the SQL that attaches the lake in any DuckDB, read-only."""
    from ..operations.connect import connect_statements

    statements = connect_statements(place.platform())
    click.echo(json_text(statements) if place.as_json else "\n".join(statements))


def _run(platform: "Platform", sql: str, snapshot: int | None) -> "duckdb.DuckDBPyRelation":
    from ..errors import StatementRefused

    with Progress() as progress:
        progress.say("running the query")
        try:
            return platform.at(snapshot).query(sql)
        except StatementRefused as error:
            raise Misuse(
                f"{_shortened(error.why)}\nNothing was run. Write one SELECT over tables named schema.table;"
                " `orchestrator status` lists them."
            ) from error


def _csv_lines(result: "duckdb.DuckDBPyRelation", limit: int | None) -> Iterator[str]:
    yield ",".join(_csv_field(name) for name in result.columns) + "\r\n"
    for row in _rows(_projected(result, as_text=True), limit):
        # A row of one empty field would be a blank line, which readers skip.
        line = ",".join(_csv_field(value) for value in row)
        yield (line or '""' if len(row) == 1 and row[0] is not None else line) + "\r\n"


def _csv_field(value: str | None) -> str:
    if value is None:
        return ""
    if value == "" or any(char in value for char in ',"\r\n') or value != value.strip():
        return '"' + value.replace('"', '""') + '"'
    return value


def _json_lines(result: "duckdb.DuckDBPyRelation", limit: int | None) -> Iterator[str]:
    names = unique_names(result.columns)
    times = [str(type_).startswith("TIMESTAMP") for type_ in result.types]
    rows = _rows(_projected(result, as_text=False), limit)
    return json_lines(
        {name: _iso(value) if is_time else value for name, is_time, value in zip(names, times, row, strict=True)}
        for row in rows
    )


def _iso(value: str | None) -> str | None:
    """DuckDB writes `2024-05-01 10:00:00+00`; ISO 8601 wants a T, and its readers the minutes of the zone."""
    if value is None or " " not in value or value.endswith("(BC)"):
        return value
    text = value.replace(" ", "T", 1)
    return f"{text}:00" if text[-3] in "+-" else text


def _as_table(result: "duckdb.DuckDBPyRelation", limit: int, *, told: bool) -> str:
    names, types = result.columns, result.types
    rows = list(_rows(_projected(result, as_text=True), limit + 1))
    shown = [["NULL" if value is None else value for value in row] for row in rows[:limit]]
    right = [index for index, type_ in enumerate(types) if str(type_).startswith(_NUMBERS) and "[" not in str(type_)]
    text = table(names, shown, right)
    if len(rows) <= limit:
        return f"{text}\n({plural(len(shown), 'row')})"
    more = "" if told else "; all of them: --limit N, --json or --csv"
    return f"{text}\n(the first {plural(len(shown), 'row')}, there are more{more})"


def _projected(result: "duckdb.DuckDBPyRelation", *, as_text: bool) -> "duckdb.DuckDBPyRelation":
    """Columns are named by their place, because two of them may have one name."""
    chosen = []
    for index, type_ in enumerate(map(str, result.types), start=1):
        plain = type_.startswith(_AS_TEXT) and "[" not in type_
        chosen.append(f"CAST(#{index} AS VARCHAR)" if as_text or plain else f"#{index}")
    return result.project(", ".join(chosen))


def _rows(result: "duckdb.DuckDBPyRelation", limit: int | None) -> Iterator[Sequence[Any]]:
    """Yields rows as they are computed; the result is never held whole."""
    limited = result if limit is None else result.limit(limit)

    def fetched() -> Iterator[Sequence[Any]]:
        while batch := limited.fetchmany(_BATCH_ROWS):
            yield from batch

    return islice(fetched(), limit)


def _shortened(message: str) -> str:
    text = message.strip()
    return text if len(text) <= _MESSAGE_LIMIT else text[:_MESSAGE_LIMIT] + "…"
