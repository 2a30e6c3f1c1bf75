"""What dbt ran for a data test, kept so that the same project is judged again without dbt's own second.

A test is kept only where its SQL can depend on nothing but the project: dbt ran one statement for it, and no
code of the project behind it names a clock, an identity of the run or the state of the database.
"""

import json
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import duckdb

from ..records.findings import SAMPLE_LIMIT
from ..storage import storage_failure
from .statements_kept import StatementRecorder, is_steady

FILE = "tests.json"
_AT_ONCE = 4


@dataclass(frozen=True)
class DbtTestResult:
    """`status` is `skipped` where dbt gave no result; `sample` holds at most ten failing rows, not masked."""

    unique_id: str
    status: Literal["pass", "warn", "fail", "error", "skipped"]
    n_failing: int
    message: str
    compiled_sql: str
    sample: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class RecordedTest:
    """`statement` gives one row: failures, should_warn, should_error; `compiled_sql` selects the failing rows."""

    unique_id: str
    statement: str
    compiled_sql: str
    severity: str
    warn_if: str
    error_if: str


def load_recorded_tests(folder: Path) -> dict[str, RecordedTest]:
    """Returns what was kept beside the parsed project; nothing where it is missing or damaged."""
    try:
        stored = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return {item["unique_id"]: RecordedTest(**item) for item in stored}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def record_tests(folder: Path, tests: Iterable[tuple[Any, Sequence[str]]], recorder: StatementRecorder) -> None:
    """Keeps the tests that are steady; each is dbt's node with the project's code behind it."""
    found = {
        str(node.unique_id): _recorded(node, recorder.statements[str(node.unique_id)][0])
        for node, code in tests
        if _is_steady(node, code, recorder.statements.get(str(node.unique_id), ()))
    }
    known = load_recorded_tests(folder) | found
    partial = folder / f".{FILE}.{os.getpid()}"
    partial.write_text(json.dumps([asdict(test) for test in known.values()]), encoding="utf-8")
    partial.replace(folder / FILE)


def _is_steady(node: Any, code: Sequence[str], statements: Sequence[str]) -> bool:
    is_data_test = str(node.resource_type) == "test" and not node.config.get("store_failures")
    return is_data_test and len(statements) == 1 and is_steady(code)


def _recorded(node: Any, statement: str) -> RecordedTest:
    return RecordedTest(
        unique_id=str(node.unique_id),
        statement=statement,
        compiled_sql=str(node.compiled_code),
        severity=str(node.config.severity).upper(),
        warn_if=str(node.config.warn_if),
        error_if=str(node.config.error_if),
    )


def run_recorded_tests(
    connection: duckdb.DuckDBPyConnection, tests: Sequence[RecordedTest]
) -> dict[str, DbtTestResult]:
    """Returns what dbt would say of each test, by its name. They only read, so as many run at once as may."""
    if not tests:
        return {}
    with ThreadPoolExecutor(max_workers=min(_AT_ONCE, os.cpu_count() or 1, len(tests))) as pool:
        return {result.unique_id: result for result in pool.map(partial(_run_beside, connection), tests)}


def _run_beside(connection: duckdb.DuckDBPyConnection, test: RecordedTest) -> DbtTestResult:
    cursor = connection.cursor()
    try:
        return run_recorded_test(cursor, test)
    finally:
        cursor.close()


def run_recorded_test(connection: duckdb.DuckDBPyConnection, test: RecordedTest) -> DbtTestResult:
    """Returns what dbt would say of the test on the relations that the connection shows."""
    try:
        row = connection.execute(test.statement).fetchone()
        assert row is not None
        n_failing, should_warn, should_error = int(row[0] or 0), bool(row[1]), bool(row[2])
        sample = sample_rows(connection, test.compiled_sql) if should_warn or should_error else ()
    except duckdb.Error as error:
        if storage_failure(error, Path()):
            raise
        return DbtTestResult(test.unique_id, "error", 0, str(error).strip(), test.compiled_sql, ())
    if test.severity == "ERROR" and should_error:
        said = f"Got {n_failing} results, configured to fail if {test.error_if}"
        return DbtTestResult(test.unique_id, "fail", n_failing, said, test.compiled_sql, sample)
    if should_warn:
        said = f"Got {n_failing} results, configured to warn if {test.warn_if}"
        return DbtTestResult(test.unique_id, "warn", n_failing, said, test.compiled_sql, sample)
    return DbtTestResult(test.unique_id, "pass", 0, "", test.compiled_sql, ())


def sample_rows(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[dict[str, Any], ...]:
    """Returns at most ten of the rows that a test selects."""
    cursor = connection.execute(f"SELECT * FROM (\n{sql}\n) LIMIT {SAMPLE_LIMIT}")
    names = [column[0] for column in cursor.description or ()]
    return tuple(dict(zip(names, row, strict=True)) for row in cursor.fetchall())
