"""What every table is audited for: schema, row rules, grain, relation to its parent."""

from collections.abc import Iterable, Mapping

from ..contracts.evaluate import RuleResult, evaluate_keys, evaluate_rules, schema_problems
from ..records.contracts import Column, Contract, Relation, RowsPromise
from ..records.findings import Finding
from ..sql import identifier, read_columns
from .candidate_view import CandidateView
from .check_names import rule_check_names

SCHEMA_CHECK = "schema"
ROWS_CHECK = "rows"


def check_schema(view: CandidateView, contract: Contract) -> Iterable[Finding]:
    """Columns and types are as the contract says."""
    problems = schema_problems(read_columns(view.connection, view.next), contract)
    yield Finding(
        asset=view.asset,
        check=SCHEMA_CHECK,
        passed=not problems,
        measured=len(problems),
        limit=0,
        n_failing=len(problems),
        message="; ".join(problems) or "columns and types are as the contract says",
    )


def check_rules(view: CandidateView, contract: Contract) -> Iterable[Finding]:
    """Row rules on the changed rows alone where the base passed the very same contract; rules on all rows on all."""
    receipt = view.base_receipt
    same_contract = receipt is not None and receipt.contract_hash == contract.hash()
    whole = contract.model_copy(
        update={"rules": tuple(rule for rule in contract.rules if rule.whole), "columns": _nullable(contract)}
    )
    single = contract.model_copy(update={"rules": tuple(rule for rule in contract.rules if not rule.whole)})
    names = rule_check_names(contract)
    for result in evaluate_rules(view.connection, view.delta if same_contract else view.next, single):
        yield _finding(view, names, result)
    if whole.rules:
        for result in evaluate_rules(view.connection, view.next, whole):
            yield _finding(view, names, result)


def _nullable(contract: Contract) -> tuple[Column, ...]:
    """The columns without their promise of values, which single rows are judged by."""
    return tuple(column.model_copy(update={"nullable": True}) for column in contract.columns)


def check_keys(view: CandidateView, contract: Contract) -> Iterable[Finding]:
    """The grain is there and does not repeat; further keys do not repeat."""
    names = rule_check_names(contract)
    for result in evaluate_keys(view.connection, view.next, contract):
        yield _finding(view, names, result)


def _finding(view: CandidateView, names: Mapping[str, str], result: RuleResult) -> Finding:
    return Finding(
        asset=view.asset,
        check=names[result.rule.name],
        passed=result.n_failing == 0,
        severity=result.rule.severity,
        measured=result.n_failing,
        limit=0,
        n_failing=result.n_failing,
        sample=result.sample,
        engine=result.engine,
        message=result.message or result.rule.description or result.rule.name,
    )


def check_rows_promise(view: CandidateView, contract: Contract) -> Iterable[Finding]:
    """`rows`: how the table's rows relate to a parent's, as the contract declares it."""
    promise = contract.rows
    if promise is None:
        return
    broken = _broken_promises(view, promise, contract)
    n_failing = sum(number for number, _ in broken)
    yield Finding(
        asset=view.asset,
        check=ROWS_CHECK,
        passed=n_failing == 0,
        measured=n_failing,
        limit=0,
        n_failing=n_failing,
        message="; ".join(text for _, text in broken) or f"{promise.relation} {promise.parent} holds",
    )


def _broken_promises(view: CandidateView, promise: RowsPromise, contract: Contract) -> list[tuple[int, str]]:
    parent = view.relations.get(promise.parent)
    if parent is None:
        return [(1, f"the parent {promise.parent} is not published")]
    broken = []
    if promise.relation is Relation.SAME_AS:
        ours, theirs = _count(view, view.next), _count(view, parent)
        broken.append((abs(ours - theirs), f"{ours} rows, but {promise.parent} has {theirs}"))
    on = promise.on or _shared_key(view, contract, parent)
    if not on:
        # Counts alone prove nothing of which rows these are.
        return [(1, f"no column of the grain is in {promise.parent}: say `on: […]`"), *broken]
    named = ", ".join(on)
    matched = " AND ".join(f"t.{identifier(k)} = p.{identifier(k)}" for k in on)
    orphans = _count(view, f"(SELECT 1 FROM {view.next} AS t ANTI JOIN {parent} AS p ON {matched})")
    broken.append((orphans, f"{orphans} rows whose {named} is not in {promise.parent}"))
    if promise.relation is Relation.SAME_AS:
        absent = _count(view, f"(SELECT 1 FROM {parent} AS p ANTI JOIN {view.next} AS t ON {matched})")
        broken.append((absent, f"{absent} rows of {promise.parent} whose {named} is missing"))
    if promise.relation is Relation.AT_MOST_ONE_PER:
        listed = ", ".join(identifier(name) for name in on)
        repeated = _count(view, f"(SELECT {listed} FROM {view.next} GROUP BY ALL HAVING count(*) > 1)")
        broken.append((repeated, f"{repeated} values of {named} with more than one row"))
    return [item for item in broken if item[0]]


def _shared_key(view: CandidateView, contract: Contract, parent: str) -> tuple[str, ...]:
    in_parent = {column.name for column in read_columns(view.connection, parent)}
    return tuple(name for name in contract.grain or () if name in in_parent)


def _count(view: CandidateView, relation: str) -> int:
    row = view.connection.execute(f"SELECT count(*) FROM {relation}").fetchone()
    assert row is not None
    return int(row[0])
