"""Judges candidates: the auditor sees the whole next version of all that was built together."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from ..audits.audit import AuditPlan, audit_candidate, audit_rows
from ..audits.candidate_view import next_relation, view_candidate, view_served
from ..authority.acts import Act
from ..authority.agent_files import Principal
from ..authority.permissions import require, require_distinct
from ..authority.seats import Seats
from ..lake.content import Content, measure_content
from ..lake.history import read_receipt, read_receipts_at, read_snapshot_of, read_versions_of
from ..lake.published import PublishedCut
from ..lake.readers import attach_statement
from ..lake.session import suit_threads
from ..records.candidates import AssetKind, Manifest, ParentRead
from ..records.declarations import FeaturesBuild, ModelBuild, MonitorBuild, RoutingBuild, ScoresBuild
from ..records.findings import Finding
from ..records.keys import AgentName, AssetKey
from ..records.ledger import LedgerEntry, RowAddress
from ..records.receipts import Receipt
from ..records.verdicts import Verdict, decide, seal_of
from ..sql import identifier
from ..transforming.dbt_project import DbtProject
from ..transforming.dbt_workbench import run_dbt_tests
from ..transforming.recorded_tests import DbtTestResult
from ..transforming.workbench import connect_workbench

CONTENT_KEPT = "content_kept"
_NEAR, _NEAR_ROWS = "near", 200_000


@dataclass(frozen=True)
class Bench:
    """What the auditors need besides the candidates: the published cut, the files, who may judge.

    `local` are published tables that cost no more where they are than copied.
    """

    cut: PublishedCut
    candidates: Path
    scratch: Path
    dbt: DbtProject
    variables: Mapping[str, Any]
    principals: Mapping[AgentName, Principal]
    seats: Mapping[AssetKey, Seats]
    local: frozenset[AssetKey] = frozenset()


def audit_candidates(
    bench: Bench,
    items: Sequence[tuple[Manifest, AuditPlan]],
    verify: Callable[[Path, Manifest], None],
    *,
    now: datetime,
) -> tuple[Verdict, ...]:
    """Returns one verdict per candidate, each sealed to exactly what was judged.

    Raises:
        NotPermitted: The auditor has no such seat, or is the producer.
        CandidateDamaged: A file is missing or is not what the manifest says.
    """
    for manifest, plan in items:
        auditor = plan.declaration.auditor
        require_distinct(manifest.producer, auditor, manifest.asset)
        # What it rejects it puts aside: who may not do both cannot answer.
        for act in (Act.AUDIT, Act.QUARANTINE):
            require(bench.principals[auditor], act, manifest.asset, bench.seats)
        verify(bench.candidates, manifest)
    relations = dict(bench.cut.relations())
    relations |= {manifest.asset: next_relation(manifest, bench.candidates / manifest.id) for manifest, _ in items}
    sizes = {asset: head.n_rows for asset, head in bench.cut.heads.items()}
    sizes |= {manifest.asset: manifest.n_rows for manifest, _ in items}
    with _open(bench, sizes) as connection:
        local = bench.local - {manifest.asset for manifest, _ in items}
        at_hand = _bring_near(connection, [plan for _, plan in items], relations, sizes, local)
        results = _run_tests(bench, [plan for _, plan in items], at_hand)
        verdicts = []
        bases = read_receipts_at(connection, [(m.asset, m.base_version) for m, _ in items if m.base_version])
        for manifest, plan in items:
            receipt = bases.get((manifest.asset, manifest.base_version)) if manifest.base_version else None
            read = at_hand | _pinned(bench, connection, plan, manifest.parents)
            view = view_candidate(connection, manifest, bench.candidates / manifest.id, read, receipt)
            findings = audit_candidate(view, plan, results)
            verdicts.append(_verdict(bench, manifest, plan, findings, now))
    return tuple(verdicts)


@dataclass(frozen=True)
class ServedRecords:
    """What became of every file and rejected row of a raw table, over all its versions."""

    ledger: tuple[LedgerEntry, ...] = ()
    rejected: tuple[RowAddress, ...] = ()


def audit_served(bench: Bench, receipt: Receipt, plan: AuditPlan, records: ServedRecords, *, now: datetime) -> Verdict:
    """Returns a verdict on the version that serves, judged as a whole. It can publish nothing.

    Raises:
        NotPermitted: The auditor has no such seat, or is the producer.
    """
    auditor = plan.declaration.auditor
    require_distinct(receipt.producer, auditor, receipt.asset)
    require(bench.principals[auditor], Act.AUDIT, receipt.asset, bench.seats)
    sizes = {asset: head.n_rows for asset, head in bench.cut.heads.items()}
    with _open(bench, sizes) as connection:
        at_hand = _bring_near(connection, [plan], bench.cut.relations(), sizes, bench.local)
        results = _run_tests(bench, [plan], at_hand)
        read = at_hand | _pinned(bench, connection, plan, receipt.parents)
        view = view_served(connection, receipt, read, bench.scratch / "served", records.ledger, records.rejected)
        findings = (*audit_candidate(view, plan, results), _content_kept(connection, receipt, at_hand[receipt.asset]))
        return _verdict(bench, view.manifest, plan, findings, now)


def judge_rows(bench: Bench, receipt: Receipt, plan: AuditPlan, records: ServedRecords) -> tuple[Finding, ...]:
    """Returns what a contract that nothing was published under says of the rows that serve.

    A column that it promises and may be null is taken as null throughout, as the next publication would add it. It is
    no verdict, and nothing can be published by it.

    Raises:
        NotPermitted: The auditor has no such seat.
    """
    asset, auditor = receipt.asset, plan.declaration.auditor
    require(bench.principals[auditor], Act.AUDIT, asset, bench.seats)
    served = {column.name for column in receipt.columns}
    added = [c for c in plan.declaration.contract.columns if c.name not in served and c.nullable and c.type]
    sizes = {key: head.n_rows for key, head in bench.cut.heads.items()}
    relations = bench.cut.relations()
    if added:
        listed = "".join(f", NULL::{column.type} AS {identifier(column.name)}" for column in added)
        relations[asset] = f"(SELECT *{listed} FROM {relations[asset]})"
    with _open(bench, sizes) as connection:
        at_hand = _bring_near(connection, [plan], relations, sizes, bench.local)
        results = _run_tests(bench, [plan], at_hand)
        view = view_served(connection, receipt, at_hand, bench.scratch / "served", records.ledger, records.rejected)
        return audit_rows(view, plan, results)


def _pinned(
    bench: Bench, connection: duckdb.DuckDBPyConnection, plan: AuditPlan, parents: Sequence[ParentRead]
) -> dict[AssetKey, str]:
    """The parents of a model, a monitor and scores as they were read: what was published since is another thing.

    A version that is not kept any more cannot be read, so that whatever needs it fails.
    """
    if not isinstance(plan.declaration.build, ModelBuild | MonitorBuild | ScoresBuild | RoutingBuild):
        return {}
    pinned = {}
    published = read_versions_of(connection, [parent.candidate for parent in parents if parent.candidate is not None])
    for parent in parents:
        version = parent.version if parent.candidate is None else published.get(parent.candidate)
        head = bench.cut.heads.get(parent.asset)
        if version is None or (head is not None and head.version == version):
            continue
        receipt = read_receipt(connection, parent.asset, version)
        snapshot = read_snapshot_of(connection, receipt) if receipt is not None else None
        alias = f"snapshot_{snapshot}"
        if snapshot is not None:
            connection.execute(attach_statement(bench.cut.layout, snapshot, alias=alias))
        pinned[parent.asset] = f"{alias}.{parent.asset.quoted}"
    return pinned


def _content_kept(connection: duckdb.DuckDBPyConnection, receipt: Receipt, relation: str) -> Finding:
    """Rows can obey every rule and be others than those that were published: a file was written over."""
    try:
        found = measure_content(connection, relation, receipt.columns)
    except duckdb.BinderException as error:
        return Finding(asset=receipt.asset, check=CONTENT_KEPT, passed=False, message=f"a column is gone: {error}")
    passed = found.agrees_with(Content.parse(receipt.data_version))
    return Finding(
        asset=receipt.asset,
        check=CONTENT_KEPT,
        passed=passed,
        measured=str(found),
        limit=receipt.data_version,
        message=f"the content is {'' if passed else 'not '}what was published as version {receipt.version}",
    )


@contextmanager
def _open(bench: Bench, sizes: Mapping[AssetKey, int]) -> Iterator[duckdb.DuckDBPyConnection]:
    """One scratch database for all that judges: what was brought near is there for dbt's tests as well."""
    with connect_workbench(_database(bench), bench.cut.setup()) as connection:
        connection.execute("SET enable_progress_bar = false")
        suit_threads(connection, max(sizes.values(), default=0))
        yield connection


def _database(bench: Bench) -> Path:
    return bench.scratch / "audit" / "workbench.duckdb"


def _bring_near(
    connection: duckdb.DuckDBPyConnection,
    plans: Sequence[AuditPlan],
    relations: Mapping[AssetKey, str],
    sizes: Mapping[AssetKey, int],
    local: frozenset[AssetKey],
) -> dict[AssetKey, str]:
    """Copies small tables that many checks read: a query on the lake costs ten times one on a local table."""
    judged = {plan.declaration.key for plan in plans}
    read = judged.union(*(plan.reads for plan in plans))
    raw = {plan.declaration.key for plan in plans if plan.declaration.kind is AssetKind.RAW}
    # Of a log's records, those who judge features read the few that they look at.
    raw |= {build.options.log for plan in plans if isinstance(build := plan.declaration.build, FeaturesBuild)}
    small = sorted(asset for asset in read - raw - local if asset in relations and sizes.get(asset, 0) <= _NEAR_ROWS)
    connection.execute(f"ATTACH IF NOT EXISTS ':memory:' AS {_NEAR}")
    for schema in sorted({asset.schema for asset in small}):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_NEAR}.{identifier(schema)}")
    for asset in small:
        connection.execute(f"CREATE TABLE {_NEAR}.{asset.quoted} AS FROM {relations[asset]}")
    return {**relations, **{asset: f"{_NEAR}.{asset.quoted}" for asset in small}}


def _verdict(bench: Bench, manifest: Manifest, plan: AuditPlan, findings: tuple[Any, ...], now: datetime) -> Verdict:
    producer, auditor = bench.principals[manifest.producer], bench.principals[plan.declaration.auditor]
    contract = plan.declaration.contract.hash()
    return Verdict(
        candidate=manifest.id,
        asset=manifest.asset,
        decision=decide(findings, frozenset(plan.checks)),
        auditor=auditor.name,
        seal=seal_of(manifest, producer.permissions_hash(), auditor.permissions_hash(), contract=contract),
        findings=findings,
        audited_at=now,
    )


def _run_tests(bench: Bench, plans: Sequence[AuditPlan], relations: Mapping[AssetKey, str]) -> dict[str, DbtTestResult]:
    tests = [test.unique_id for plan in plans for test in plan.tests]
    if not tests:
        return {}
    read = {asset for plan in plans for test in plan.tests for asset in test.assets}
    results = run_dbt_tests(
        bench.dbt,
        tests,
        _database(bench),
        setup=bench.cut.setup(),
        relations={asset: relations[asset] for asset in read if asset in relations},
        variables=bench.variables,
    )
    return {result.unique_id: result for result in results}
