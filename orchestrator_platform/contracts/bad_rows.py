"""Finds the single rows that break a contract, by their addresses, so that good rows can be told from bad ones."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import duckdb

from ..errors import Misuse
from ..records.contracts import Contract, Rule
from ..records.findings import Severity
from ..sql import identifier, literal
from .pandas_rules import failing_batches, registered
from .sql_rules import null_rules
from .subject import Subject, describe_subject

if TYPE_CHECKING:
    import pyarrow as pa


def failing_rows(
    connection: duckdb.DuckDBPyConnection, relation: str, contract: Contract, address: Sequence[str]
) -> str:
    """Creates a temporary table of failing rows and returns its quoted name.

    Its columns are `address`, then `rule` and `reason`; it has a line for each row and rule that it
    breaks. Only rules that block and judge single rows count: nullability and the contract's rules, but
    neither warnings nor what needs all rows. The same call again replaces the table. A reason never
    holds a value of the row.

    Raises:
        Misuse: The relation lacks a column that a rule looks at, or has it in another type.
    """
    rules = [rule for rule in (*null_rules(contract), *contract.rules) if _tells_rows(rule)]
    subject = describe_subject(connection, relation, contract)
    _refuse_broken(subject, rules)
    identity = hashlib.sha256("|".join((relation, contract.hash(), *address)).encode()).hexdigest()[:16]
    table = identifier(f"failing_rows_{identity}")
    _create(subject, table, address, [rule for rule in rules if rule.sql])
    _add_from_pandera(subject, table, address, [rule for rule in rules if not rule.sql])
    return table


def _tells_rows(rule: Rule) -> bool:
    return rule.severity is Severity.ERROR and not rule.whole


def _refuse_broken(subject: Subject, rules: Sequence[Rule]) -> None:
    for rule in rules:
        if problem := subject.problem_with(rule):
            raise Misuse(
                f"Contract {subject.contract.asset}: rule {rule.name!r} cannot be evaluated, {problem}."
                " No row was judged. Read the file with the contract's columns first."
            )


def _create(subject: Subject, table: str, address: Sequence[str], rules: Sequence[Rule]) -> None:
    listed = ", ".join(identifier(name) for name in address)
    broken = " or ".join(f"not ({rule.sql})" for rule in rules) or "false"
    # One scan: each failing row carries the numbers of the rules that it breaks.
    numbers = ", ".join(f"case when not ({rule.sql}) then {number} end" for number, rule in enumerate(rules))
    names = ", ".join(literal(rule.name) for rule in rules)
    reasons = ", ".join(literal(reason_of(rule)) for rule in rules)
    subject.connection.execute(
        f"create or replace temp table {table} as"
        f" select {listed}, ([{names}]::varchar[])[__rule + 1] as rule, ([{reasons}]::varchar[])[__rule + 1] as reason"
        f" from (select {listed}, unnest([{numbers}]::integer[]) as __rule from {subject.relation} where {broken})"
        " where __rule is not null"
    )


def _add_from_pandera(subject: Subject, table: str, address: Sequence[str], rules: Sequence[Rule]) -> None:
    wanted = {rule.name: tuple(address) for rule in rules}
    # Collected first: the connection is busy while it gives out batches.
    found: list[tuple[Rule, pa.Table]] = list(failing_batches(subject, rules, wanted))
    listed = ", ".join(identifier(name) for name in address)
    for rule, rows in found:
        said = f"{literal(rule.name)}, {literal(reason_of(rule))}"
        with registered(subject.connection, rows) as view:
            subject.connection.execute(f"insert into {table} select {listed}, {said} from {view}")


def reason_of(rule: Rule) -> str:
    """Returns what is said of a row that breaks the rule."""
    return rule.description or f"breaks `{rule.name}`"
