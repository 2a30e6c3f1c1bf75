"""Checks that a project brings along: a SQL file that selects failing rows, or a Python function.

A Python check is `def name(table, parents)`: it gets duckdb relations and returns the failing rows
as a relation or a frame. Nothing returned is no answer, and fails.
"""

from collections.abc import Iterable
from typing import Any

import duckdb

from ..errors import DefinitionError
from ..python_file import run_python_file
from ..records.contracts import Contract
from ..records.declarations import FreeCheck
from ..records.findings import SAMPLE_LIMIT, Finding, Severity
from ..sql import identifier
from ..transforming.statement_check import check_query
from .candidate_view import CandidateView, create_views
from .masking import mask_rows


def run_free_check(view: CandidateView, contract: Contract, check: FreeCheck) -> Iterable[Finding]:
    """Yields the finding of one check; rows that it selects fail it."""
    rows = _sql_rows(view, check) if check.function is None else _python_rows(view, check)
    n_failing, sample = rows
    yield Finding(
        asset=view.asset,
        check=check.name,
        passed=n_failing == 0,
        severity=Severity(check.severity),
        measured=n_failing,
        limit=0,
        n_failing=n_failing,
        sample=mask_rows(sample, contract),
        engine="sql" if check.function is None else "python",
        message=f"{check.file.name} finds failing rows" if n_failing else f"{check.file.name} finds nothing",
        code_version=check.code_version,
    )


def _sql_rows(view: CandidateView, check: FreeCheck) -> tuple[int, list[dict[str, Any]]]:
    sql = check.file.read_text(encoding="utf-8")
    check_query(sql, str(check.file))
    create_views(view.connection, view.relations)
    # As a view of its own the text may end with a semicolon and comments.
    view.connection.sql(sql).create_view("_failing", replace=True)
    return _bounded(view, identifier("_failing"))


def _python_rows(view: CandidateView, check: FreeCheck) -> tuple[int, list[dict[str, Any]]]:
    module = run_python_file(check.file, anew=True)
    table = view.connection.sql(f"FROM {view.next}")
    parents = {
        str(asset): view.connection.sql(f"FROM {relation}")
        for asset, relation in view.relations.items()
        if asset != view.asset
    }
    failing = getattr(module, str(check.function))(table, parents)
    if isinstance(failing, duckdb.DuckDBPyRelation):
        # A relation read as a stream would be read while the connection that it streams from is at work.
        failing = failing.to_arrow_table()
    try:
        view.connection.register("_failing", failing)
    except (duckdb.Error, TypeError, ValueError) as error:
        raise DefinitionError(
            file=check.file,
            problem=f"{check.function}() returned {type(failing).__name__}, which is no table",
            fix="Return the failing rows as a relation or a frame; one without rows where nothing fails.",
        ) from error
    try:
        return _bounded(view, identifier("_failing"))
    finally:
        view.connection.unregister("_failing")


def _bounded(view: CandidateView, relation: str) -> tuple[int, list[dict[str, Any]]]:
    cursor = view.connection.execute(f"SELECT * FROM {relation} LIMIT {SAMPLE_LIMIT}")
    names = [column[0] for column in cursor.description or []]
    sample = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    if len(sample) < SAMPLE_LIMIT:
        return len(sample), sample
    counted = view.connection.execute(f"SELECT count(*) FROM {relation}").fetchone()
    assert counted is not None
    return int(counted[0]), sample
