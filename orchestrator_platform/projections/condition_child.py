"""The process in which searchers' conditions are computed: one that takes too long, or too much, ends with it.

Run as `python -m orchestrator_platform.projections.condition_child` by `condition_rows`. It reads what to do from
standard input and answers with JSON lines; it reaches nothing but the rows that it was given.
"""

import json
import os
import pickle
import signal
import sys
from typing import Any, BinaryIO

import duckdb

from ..lake.session import close_off, connect
from ..reading.child import limit_memory

CONDITION, MEMORY, BROKEN, FAULT = "condition", "memory", "broken", "fault"
_OF_THE_CONDITION = (
    duckdb.ProgrammingError,
    duckdb.DataError,
    duckdb.NotSupportedError,
    duckdb.PermissionException,
    TypeError,
)


def main() -> None:
    """Opens the rows, then answers one question after the other until there is no more input."""
    # What comes in is pickled by the process that started this one, and nobody else can write to the pipe.
    asked, said = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        connection = _opened(**pickle.load(asked))  # noqa: S301
        while (question := _next(asked)) is not None:
            # Without a handler the process dies of it, whatever it is doing; what others take does not count.
            signal.setitimer(signal.ITIMER_PROF, question.pop("seconds"))
            said.write(json.dumps(_answer(connection, **question)) + "\n")
            signal.setitimer(signal.ITIMER_PROF, 0)
            said.flush()
    except duckdb.Error as error:
        said.write(json.dumps({"wrong": BROKEN, "problem": _first_line(error)}) + "\n")
    except Exception as error:  # noqa: BLE001  # whoever asked tells of it
        said.write(json.dumps({"wrong": FAULT, "problem": f"{type(error).__name__}: {_first_line(error)}"}) + "\n")
    said.close()


def _opened(statements: list[str], extensions: list[str], memory_mb: int) -> duckdb.DuckDBPyConnection:
    connection = connect(extensions=extensions)
    for statement in statements:
        connection.execute(statement)
    # Questions are small: handing them to several threads takes longer than answering them.
    connection.execute("SET threads = 1")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET temp_directory = ''")
    row = connection.execute("SELECT sum(memory_usage_bytes) FROM duckdb_memory()").fetchone()
    assert row is not None
    connection.execute(f"SET memory_limit = '{memory_mb + int(row[0] or 0) // 2**20}MiB'")
    # A condition that slipped through every check still reaches nothing else than these rows.
    close_off(connection)
    limit_memory(memory_mb)
    return connection


def _next(asked: BinaryIO) -> dict[str, Any] | None:
    try:
        question: dict[str, Any] = pickle.load(asked)  # noqa: S301
    except EOFError:
        return None
    return question


def _answer(connection: duckdb.DuckDBPyConnection, sql: str, values: list[Any]) -> dict[str, Any]:
    try:
        # A bound value, the first time, imports pandas.
        found = connection.execute(sql, values) if values else connection.execute(sql)
        return {"rows": [row[0] for row in found.fetchall()]}
    except (duckdb.OutOfMemoryException, MemoryError) as error:
        return {"wrong": MEMORY, "problem": _first_line(error)}
    except _OF_THE_CONDITION as error:
        return {"wrong": CONDITION, "problem": _first_line(error)}
    except duckdb.Error as error:
        return {"wrong": BROKEN, "problem": _first_line(error)}


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]


if __name__ == "__main__":
    main()
