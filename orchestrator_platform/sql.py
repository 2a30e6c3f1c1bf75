"""What every part that talks to DuckDB shares: names and texts as SQL writes them, and the columns of a relation."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from .records.candidates import SchemaColumn


def identifier(name: str) -> str:
    """Returns the name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Returns the text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def read_columns(connection: duckdb.DuckDBPyConnection, relation: str) -> tuple[SchemaColumn, ...]:
    """Returns the columns of a relation, in order, types as DuckDB prints them.

    A relation is anything that can stand after FROM.
    """
    rows = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    return tuple(SchemaColumn(name=row[0], type=row[1]) for row in rows)


def told_bytes(expression: str) -> str:
    """Returns the expression that tells a BLOB by its size and hash, as text."""
    return f"format('{{:,}} bytes, sha256 {{}}', octet_length({expression}), sha256({expression}))"


@contextmanager
def one_transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commits what the body executes at once, or nothing of it: each commit to a file waits for the disk."""
    connection.execute("BEGIN")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
