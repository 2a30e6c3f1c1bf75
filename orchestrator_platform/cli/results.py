"""A query's result as a table, as JSON and as CSV, row by row. Knows no lake and no command."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from .json_text import json_lines, unique_names
from .text import plural, table

if TYPE_CHECKING:
    import duckdb

_BATCH_ROWS = 1_000
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
            "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL")  # fmt: skip
# Python's values cannot hold all of these; DuckDB's own text for them can.
_AS_TEXT = ("DATE", "TIME", "INTERVAL", "BIT")
# A larger value is shown by its size and hash: nobody reads megabytes of digits.
_SHOWN_BYTES = 64


def csv_lines(result: "duckdb.DuckDBPyRelation", limit: int | None) -> Iterator[str]:
    """Yields a header and a record per row as RFC 4180 says; NULL is empty, an empty text is quoted."""
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


def json_rows(result: "duckdb.DuckDBPyRelation", limit: int | None) -> Iterator[str]:
    """Yields the lines of a JSON list with an object per row; columns of one name are numbered."""
    names = unique_names(result.columns)
    times = [str(type_).startswith("TIMESTAMP") for type_ in result.types]
    rows = _rows(_projected(result, as_text=False), limit)
    return json_lines(
        {name: _iso(value) if is_time else value for name, is_time, value in zip(names, times, row, strict=True)}
        for row in rows
    )


def _iso(value: str | None) -> str | None:
    """DuckDB writes `2024-05-01 10:00:00+00`, times with a zone in UTC; ISO 8601 says it with T and Z."""
    if value is None or " " not in value or value.endswith("(BC)"):
        return value
    text = value.replace(" ", "T", 1)
    return f"{text.removesuffix('+00')}Z" if text.endswith("+00") else text


def result_table(result: "duckdb.DuckDBPyRelation", limit: int, *, told: bool) -> str:
    """Returns the first rows as a table and says whether there are more; `told` where the limit was asked for."""
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
    from ..sql import told_bytes

    chosen = []
    for index, type_ in enumerate(map(str, result.types), start=1):
        if type_ == "BLOB":
            small = f"CAST(#{index} AS VARCHAR)" if as_text else f"lower(hex(#{index}))"
            chosen.append(
                f"CASE WHEN octet_length(#{index}) > {_SHOWN_BYTES} THEN {told_bytes(f'#{index}')} ELSE {small} END"
            )
            continue
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
