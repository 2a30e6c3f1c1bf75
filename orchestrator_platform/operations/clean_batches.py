"""Batches that no audit may hold up: what serves, in other orders and forms, with fewer or more rows where it may."""

from collections.abc import Iterator

import duckdb

from ..audits.audit import AuditPlan
from ..audits.planted_ground import Ground
from ..gate.audit import ServedRecords
from ..records.contracts import Relation
from ..records.declarations import EmbeddingBuild, FeaturesBuild, SourceBuild
from ..sql import identifier, literal
from .proposals import Proposal

_SHARE = 0.1


def clean_batches(
    connection: duckdb.DuckDBPyConnection, ground: Ground, plan: AuditPlan, records: ServedRecords, n_batches: int
) -> tuple[Proposal, ...]:
    """Returns so many batches that keep every promise of the asset; the first is what serves."""
    made = [_whole("as it serves", ground.relation, records)]
    if isinstance(plan.declaration.build, SourceBuild):
        made += _fewer_files(connection, ground, records)
    else:
        made += _other_rows(ground, plan)
        made += _by_key(ground, plan)
    made = made[:n_batches]
    for number in range(n_batches - len(made)):
        order = f"(SELECT * FROM {ground.relation} AS t ORDER BY hash(t, {literal(f'{ground.seed}:{number}')}))"
        made.append(_whole(f"in another order, {number + 1}", order, records))
    return tuple(made)


def _whole(name: str, relation: str, records: ServedRecords) -> Proposal:
    return Proposal(name, relation, ledger=records.ledger, rejected=records.rejected)


def _other_rows(ground: Ground, plan: AuditPlan) -> Iterator[Proposal]:
    """Rows fewer or more are legitimate only where no promise, rule or test looks at more than single rows."""
    contract = plan.declaration.contract
    tied = contract.rows is not None and contract.rows.relation is Relation.SAME_AS
    # One vector for each text, one row for each key of the log.
    tied |= isinstance(plan.declaration.build, EmbeddingBuild | FeaturesBuild)
    if tied or plan.tests or plan.declaration.checks or any(rule.whole for rule in contract.rules):
        return
    for number in (1, 2):
        relation = ground.rows(_SHARE / 2, f"fewer {number}", others=True)
        yield Proposal(f"without some rows, {number}", relation)
    if contract.grain is None and not contract.unique and contract.rows is None:
        for number in (1, 2):
            more = ground.rows(_SHARE / 2, f"more {number}")
            yield Proposal(f"with more rows, {number}", f"(FROM {ground.relation} UNION ALL FROM {more})")


def _by_key(ground: Ground, plan: AuditPlan) -> Iterator[Proposal]:
    """The same rows as a change by key: some are deleted, and the very same inserted."""
    grain = plan.declaration.contract.grain
    for number in range(1, 5) if grain else ():
        part = ground.rows(_SHARE, f"by key {number}")
        listed = ", ".join(identifier(name) for name in grain or ())
        yield Proposal(
            f"replaced by key, {number}", ground.relation, part=part, gone=f"(SELECT DISTINCT {listed} FROM {part})"
        )


def _fewer_files(connection: duckdb.DuckDBPyConnection, ground: Ground, records: ServedRecords) -> Iterator[Proposal]:
    """A raw table before its last files had landed."""
    rows = connection.execute(f"SELECT _file_sha256 FROM {ground.relation} GROUP BY 1 ORDER BY min(_landed_seq)")
    files = [str(row[0]) for row in rows.fetchall()]
    for n_gone in range(1, min(len(files), 5)):
        gone = set(files[-n_gone:])
        listed = ", ".join(literal(sha256) for sha256 in sorted(gone))
        yield Proposal(
            f"without the last {n_gone} files",
            f"(SELECT * FROM {ground.relation} WHERE _file_sha256 NOT IN ({listed}))",
            ledger=tuple(entry for entry in records.ledger if entry.file_sha256 not in gone),
            rejected=tuple(row for row in records.rejected if row.file_sha256 not in gone),
        )
