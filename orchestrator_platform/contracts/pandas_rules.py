"""Evaluates the rules that only pandera can say, over Arrow batches of bounded size.

Rules on single rows run batch by batch; a rule that judges all rows together gets its columns whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb

from ..records.contracts import Engine, Rule
from ..records.findings import SAMPLE_LIMIT
from ..sql import identifier
from .pandera_checks import PanderaChecks, failing_of, n_failing_of
from .results import RuleResult, masked_rows, text_of
from .subject import Subject

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 100_000
_VIEW = "__contract_rows"


def evaluate_row_rules(subject: Subject, rules: Sequence[Rule]) -> Iterator[RuleResult]:
    """Yields a result per rule on single rows, all of them in one pass over the batches."""
    shown = {rule.name: subject.shown(rule) for rule in rules}
    counts = dict.fromkeys(shown, 0)
    kept: dict[str, list[pa.Table]] = {name: [] for name in shown}
    for rule, failing in failing_batches(subject, rules, shown):
        if counts[rule.name] < SAMPLE_LIMIT:
            kept[rule.name].append(failing.slice(0, SAMPLE_LIMIT))
        counts[rule.name] += failing.num_rows
    for rule in rules:
        yield RuleResult(rule, counts[rule.name], _sample(subject, kept[rule.name]), Engine.PANDAS)


def evaluate_whole_rules(subject: Subject, rules: Sequence[Rule]) -> Iterator[RuleResult]:
    """Yields a result per rule that judges all rows together; its columns are held in memory, one rule at a time."""
    import pyarrow as pa

    if not rules:
        return
    checks = PanderaChecks(subject.contract)
    for rule in rules:
        table = pa.concat_tables(read_batches(subject, tuple(dict.fromkeys((*rule.columns, *subject.shown(rule))))))
        yield _judge_whole(subject, rule, checks, table)


def _judge_whole(subject: Subject, rule: Rule, checks: PanderaChecks, table: "pa.Table") -> RuleResult:
    import pyarrow as pa

    try:
        output = checks.run(rule, table.select(list(rule.columns)))
    except Exception as error:  # noqa: BLE001 - the project's code may raise anything; a crashed check has failed
        return RuleResult(rule, 1, engine=Engine.PANDAS, message=f"the check raised {type(error).__name__}")
    failing = failing_of(output, table.num_rows)
    if failing is None:
        n_failing = n_failing_of(output)
        message = "the check answers for all rows together" if n_failing else ""
        return RuleResult(rule, n_failing, engine=Engine.PANDAS, message=message)
    rows = table.filter(pa.array(failing)).select(list(subject.shown(rule)))
    return RuleResult(rule, rows.num_rows, _sample(subject, [rows]), Engine.PANDAS)


def failing_batches(
    subject: Subject, rules: Sequence[Rule], columns: Mapping[str, Sequence[str]]
) -> "Iterator[tuple[Rule, pa.Table]]":
    """Yields, batch by batch, the rows that fail a rule on single rows, with the columns asked for by rule name.

    The connection may not run anything else meanwhile.
    """
    import pyarrow as pa

    if not rules:
        return
    checks = PanderaChecks(subject.contract)
    wanted = dict.fromkeys(name for rule in rules for name in (*rule.columns, *columns[rule.name]))
    for table in read_batches(subject, tuple(wanted)):
        for rule in rules:
            failing = checks.failing(rule, table.select(list(rule.columns)))
            if failing.any():
                yield rule, table.filter(pa.array(failing)).select(list(columns[rule.name]))


def read_batches(subject: Subject, columns: Sequence[str]) -> "Iterator[pa.Table]":
    """Yields the columns as Arrow tables of bounded length, at least one, which may be empty."""
    import pyarrow as pa

    listed = ", ".join(identifier(name) for name in columns)
    reader = subject.connection.execute(f"select {listed} from {subject.relation}").to_arrow_reader(BATCH_ROWS)
    yield reader.schema.empty_table()
    for batch in reader:
        yield pa.Table.from_batches([batch])


@contextmanager
def registered(connection: duckdb.DuckDBPyConnection, table: "pa.Table") -> Iterator[str]:
    """Lets SQL read the Arrow table, under the name that is given back, until the block ends."""
    connection.register(_VIEW, table)
    try:
        yield identifier(_VIEW)
    finally:
        connection.unregister(_VIEW)


def _sample(subject: Subject, tables: "Sequence[pa.Table]") -> tuple[dict[str, Any], ...]:
    """The rows as DuckDB writes them, so that a sample looks the same whatever evaluated the rule."""
    import pyarrow as pa

    if not sum(table.num_rows for table in tables):
        return ()
    rows = pa.concat_tables(tables).slice(0, SAMPLE_LIMIT)
    with registered(subject.connection, rows) as view:
        found = subject.connection.execute(
            f"select {', '.join(map(text_of, rows.column_names))} from {view}"
        ).fetchall()
    return masked_rows(rows.column_names, found, subject.contract)
