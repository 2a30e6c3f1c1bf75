"""Evaluates the grain and the other column sets whose values may not repeat."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import duckdb

from ..records.contracts import Contract, Engine, Rule
from ..records.findings import SAMPLE_LIMIT
from ..sql import identifier
from .literals import FLOATING
from .results import RuleResult, masked_rows, text_of
from .sql_rules import evaluate_sql_rules, present_sql
from .subject import Subject, describe_subject


def evaluate_keys(connection: duckdb.DuckDBPyConnection, relation: str, contract: Contract) -> tuple[RuleResult, ...]:
    """Returns whether the grain is there in every row and does not repeat, and each `unique` does not repeat.

    All rows of a repeated value count as failing. Nulls are equal to each other, and to NaN, as in
    pandas: two rows without a value repeat it.
    """
    subject = describe_subject(connection, relation, contract)
    return (*_grain(subject), *(_unique(subject, ", ".join(names), names) for names in contract.unique))


def key_rules(contract: Contract) -> tuple[Rule, ...]:
    """Returns the rules that `evaluate_keys` judges by, in the same order."""
    grain = [_present(contract.grain), _distinct(_title(contract.grain), contract.grain)] if contract.grain else []
    return (*grain, *(_distinct(", ".join(names), names) for names in contract.unique))


def _present(names: tuple[str, ...], types: Mapping[str, str] | None = None) -> Rule:
    sql = " and ".join(present_sql(name, (types or {}).get(name, "")) for name in names)
    return Rule(name=f"{_title(names)} present", columns=names, sql=sql)


def _distinct(title: str, names: tuple[str, ...]) -> Rule:
    return Rule(name=f"{title} unique", columns=names)


def _title(names: tuple[str, ...]) -> str:
    return f"grain ({', '.join(names)})"


def _grain(subject: Subject) -> Iterator[RuleResult]:
    names = subject.contract.grain
    if names is None:
        return
    rule = _present(names, subject.types)
    missing = _missing(subject, rule)
    yield missing or evaluate_sql_rules(subject, [rule])[0]
    yield _unique(subject, _title(names), names)


def _missing(subject: Subject, rule: Rule) -> RuleResult | None:
    problem = next((f"column {name!r} is missing" for name in rule.columns if name not in subject.types), None)
    return RuleResult(rule, 1, message=problem) if problem else None


def _unique(subject: Subject, title: str, names: tuple[str, ...]) -> RuleResult:
    rule = _distinct(title, names)
    if missing := _missing(subject, rule):
        return missing
    repeated = _repeated(subject, names)
    row = subject.connection.execute(f"select coalesce(sum(__n), 0)::bigint from {repeated}").fetchone()
    n_failing = int(row[0]) if row else 0
    return RuleResult(rule, n_failing, _sample(subject, repeated, names) if n_failing else (), Engine.SQL)


def _repeated(subject: Subject, names: Sequence[str]) -> str:
    keys = [_comparable(name, subject.types[name]) for name in names]
    listed = ", ".join(f"{key} as {identifier(name)}" for key, name in zip(keys, names, strict=True))
    grouped = ", ".join(keys)
    return f"(select {listed}, count(*) as __n from {subject.relation} group by {grouped} having count(*) > 1)"


def _comparable(name: str, type_name: str) -> str:
    quoted = identifier(name)
    if type_name in FLOATING:
        return f"nullif({quoted}, 'nan'::{type_name})"
    return f"{quoted} collate c" if type_name == "VARCHAR" else quoted


def _sample(subject: Subject, repeated: str, names: Sequence[str]) -> tuple[dict[str, Any], ...]:
    shown = ", ".join(text_of(name) for name in names)
    rows = subject.connection.execute(
        f"select {shown}, __n::varchar from {repeated} order by all limit {SAMPLE_LIMIT}"
    ).fetchall()
    return masked_rows([*names, "n_rows"], rows, subject.contract)
