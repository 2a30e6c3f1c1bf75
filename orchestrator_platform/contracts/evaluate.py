"""Judges a relation by a contract: every rule with the number of failing rows and a few of them.

Writes nothing but temporary tables; knows neither the lake nor the gate.
"""

import duckdb

from ..records.contracts import Contract, Rule
from .bad_rows import failing_rows
from .columns import schema_problems
from .keys import evaluate_keys, key_rules
from .pandas_rules import evaluate_row_rules, evaluate_whole_rules
from .results import RuleResult
from .sql_rules import evaluate_sql_rules, null_rules
from .subject import describe_subject

__all__ = [
    "RuleResult",
    "evaluate_keys",
    "evaluate_rules",
    "failing_rows",
    "key_rules",
    "row_rules",
    "schema_problems",
]


def row_rules(contract: Contract) -> tuple[Rule, ...]:
    """Returns the rules that `evaluate_rules` judges by, in the same order."""
    return (*null_rules(contract), *contract.rules)


def evaluate_rules(
    connection: duckdb.DuckDBPyConnection, relation: str, contract: Contract, *, where: str | None = None
) -> tuple[RuleResult, ...]:
    """Returns a result for every column that may not be null, then for every rule, in the contract's order.

    `relation` is what can stand after FROM; `where` narrows it. A rule whose columns are missing or of
    another type than promised fails, with a message.

    Raises:
        DefinitionError: A rule cannot be evaluated at all.
    """
    scope = f"(select * from {relation} where {where})" if where else relation
    subject = describe_subject(connection, scope, contract)
    rules = row_rules(contract)
    problems = {rule.name: subject.problem_with(rule) for rule in rules}
    sound = [rule for rule in rules if not problems[rule.name]]
    results = (
        *evaluate_sql_rules(subject, [rule for rule in sound if rule.sql]),
        *evaluate_row_rules(subject, [rule for rule in sound if not rule.sql and not rule.whole]),
        *evaluate_whole_rules(subject, [rule for rule in sound if not rule.sql and rule.whole]),
    )
    found = {result.rule.name: result for result in results}
    return tuple(
        found.get(rule.name) or RuleResult(rule, 1, engine=rule.engine, message=problems[rule.name]) for rule in rules
    )
