"""Judges candidates: the auditor sees the whole next version of all that was built together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ..audits.audit import AuditPlan, audit_candidate
from ..audits.candidate_view import next_relation, view_candidate, view_served
from ..authority.acts import Act
from ..authority.agent_files import Principal
from ..authority.permissions import require, require_distinct
from ..authority.seats import Seats
from ..lake.history import read_receipts_at
from ..lake.published import PublishedCut
from ..records.candidates import Manifest
from ..records.keys import AgentName, AssetKey
from ..records.ledger import LedgerEntry, RowAddress
from ..records.receipts import Receipt
from ..records.verdicts import Verdict, decide, seal_of
from ..transforming.dbt_project import DbtProject
from ..transforming.dbt_workbench import DbtTestResult, run_dbt_tests


@dataclass(frozen=True)
class Bench:
    """What the auditors need besides the candidates: the published cut, the files, who may judge."""

    cut: PublishedCut
    candidates: Path
    scratch: Path
    dbt: DbtProject
    variables: Mapping[str, Any]
    principals: Mapping[AgentName, Principal]
    seats: Mapping[AssetKey, Seats]


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
    results = _run_tests(bench, [plan for _, plan in items], relations)
    connection = bench.cut.connect()
    try:
        verdicts = []
        bases = read_receipts_at(connection, [(m.asset, m.base_version) for m, _ in items if m.base_version])
        for manifest, plan in items:
            receipt = bases.get((manifest.asset, manifest.base_version)) if manifest.base_version else None
            view = view_candidate(connection, manifest, bench.candidates / manifest.id, relations, receipt)
            findings = audit_candidate(view, plan, results)
            verdicts.append(_verdict(bench, manifest, plan, findings, now))
    finally:
        connection.close()
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
    relations = bench.cut.relations()
    results = _run_tests(bench, [plan], relations)
    connection = bench.cut.connect()
    try:
        folder = bench.scratch / "served"
        view = view_served(connection, receipt, relations, folder, records.ledger, records.rejected)
        return _verdict(bench, view.manifest, plan, audit_candidate(view, plan, results), now)
    finally:
        connection.close()


def _verdict(bench: Bench, manifest: Manifest, plan: AuditPlan, findings: tuple[Any, ...], now: datetime) -> Verdict:
    producer, auditor = bench.principals[manifest.producer], bench.principals[plan.declaration.auditor]
    return Verdict(
        candidate=manifest.id,
        asset=manifest.asset,
        decision=decide(findings, frozenset(plan.checks)),
        auditor=auditor.name,
        seal=seal_of(manifest, producer.permissions_hash(), auditor.permissions_hash()),
        findings=findings,
        audited_at=now,
    )


def _run_tests(bench: Bench, plans: Sequence[AuditPlan], relations: Mapping[AssetKey, str]) -> dict[str, DbtTestResult]:
    tests = [test.unique_id for plan in plans for test in plan.tests]
    if not tests:
        return {}
    results = run_dbt_tests(
        bench.dbt,
        tests,
        bench.scratch / "audit" / "workbench.duckdb",
        setup=bench.cut.setup(),
        relations=relations,
        variables=bench.variables,
    )
    return {result.unique_id: result for result in results}
