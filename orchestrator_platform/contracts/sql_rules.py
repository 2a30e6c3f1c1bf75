"""Evaluates the rules that SQL says: all of them counted in one pass, samples only where something failed."""

from collections.abc import Sequence
from typing import Any

import duckdb

from ..errors import DefinitionError
from ..records.contracts import Contract, Engine, Rule
from ..records.findings import SAMPLE_LIMIT
from ..sql import identifier
from .literals import FLOATING
from .results import RuleResult, masked_rows, text_of
from .subject import Subject


def null_rules(contract: Contract) -> tuple[Rule, ...]:
    """Returns a rule for each column that may not be null; NaN counts as missing."""
    return tuple(
        Rule(name=f"{column.name} not null", columns=(column.name,), sql=present_sql(column.name, column.type))
        for column in contract.columns
        if not column.nullable
    )


def present_sql(name: str, type_name: str) -> str:
    """Returns the predicate that a column holds a value."""
    quoted = identifier(name)
    nan = f" and not isnan({quoted})" if type_name in FLOATING else ""
    return f"({quoted} is not null{nan})"


def evaluate_sql_rules(subject: Subject, rules: Sequence[Rule]) -> tuple[RuleResult, ...]:
    """Returns a result per rule, in order.

    Raises:
        DefinitionError: DuckDB cannot evaluate a rule.
    """
    if not rules:
        return ()
    return tuple(
        RuleResult(rule, n, _sample(subject, rule) if n else (), Engine.SQL)
        for rule, n in zip(rules, _count_failing(subject, rules), strict=True)
    )


def _count_failing(subject: Subject, rules: Sequence[Rule]) -> Sequence[int]:
    try:
        row = subject.connection.execute(_counting(subject, rules)).fetchone()
    except duckdb.Error as error:
        raise _culprit(subject, rules, error) from error
    return [int(value) for value in row or ()]


def _counting(subject: Subject, rules: Sequence[Rule]) -> str:
    # Not of null is null, and count_if leaves that out: only false fails. Of no rows it makes null.
    counted = ", ".join(f"coalesce(count_if(not ({rule.sql})), 0)" for rule in rules)
    return f"select {counted} from {subject.relation}"


def _culprit(subject: Subject, rules: Sequence[Rule], error: duckdb.Error) -> DefinitionError:
    """What to say of the error: DuckDB's own words may quote a value, which may be personal data."""
    said = f"one of the rules {', '.join(repr(rule.name) for rule in rules)} cannot be evaluated"
    for rule in rules:
        try:
            subject.connection.execute(_counting(subject, [rule]))
        except duckdb.TransactionException:
            break  # the error has aborted the caller's transaction, in which nothing can be asked any more
        except duckdb.Error:
            said = f"rule {rule.name!r} cannot be evaluated: {rule.sql}"
            break
    return DefinitionError(
        file=subject.contract.origin or subject.contract.asset,
        problem=f"{said} ({type(error).__name__})",
        fix="Nothing was judged. Mend the rule, or the column it looks at.",
    )


def _sample(subject: Subject, rule: Rule) -> tuple[dict[str, Any], ...]:
    names = subject.shown(rule)
    shown = ", ".join(text_of(name) for name in names)
    found = subject.connection.execute(
        f"select {shown} from {subject.relation} where not ({rule.sql}) limit {SAMPLE_LIMIT}"
    ).fetchall()
    return masked_rows(names, found, subject.contract)
