"""Composes the audits that an asset gets: what must be checked, and the findings. Writes nothing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ..learning.embedders import Embedders
from ..records.candidates import AssetKind
from ..records.contracts import Contract
from ..records.declarations import (
    AssetDeclaration,
    EmbeddingBuild,
    FeaturesBuild,
    LedgerBuild,
    ModelBuild,
    MonitorBuild,
    RoutingBuild,
    ScoresBuild,
    SourceBuild,
)
from ..records.findings import Finding
from ..records.keys import AssetKey
from ..storage import storage_failure
from ..transforming.dbt_project import DbtTest
from ..transforming.recorded_tests import DbtTestResult
from . import (
    embedding_audit,
    feature_audit,
    ledger_checks,
    model_audit,
    monitor_checks,
    raw_checks,
    route_audit,
    score_audit,
    slice_checks,
    table_checks,
)
from .candidate_view import CandidateView
from .check_names import check_name, rule_check_names
from .checks_kept import CHECKS_KEPT, check_checks_kept
from .dbt_checks import findings_of_tests, test_check_names
from .drift import CHECKS as DRIFT_CHECKS
from .drift import DriftLimits, check_drift
from .free_checks import run_free_check


@dataclass(frozen=True)
class AuditPlan:
    """Everything that must be found out about one asset.

    `tests` are the dbt tests that judge it, `read` the contracts of the other tables that they and the audit of a model
    read. `embedders` and `cache`, both the auditor's own, are for what embeddings, models and scores need.
    """

    declaration: AssetDeclaration
    tests: tuple[DbtTest, ...]
    archive: Path
    read: tuple[Contract, ...] = ()
    drift_limits: DriftLimits = field(default_factory=DriftLimits)
    embedders: Embedders | None = None
    cache: Path = Path()

    @property
    def checks(self) -> tuple[str, ...]:
        """The names of all checks, in the order in which they run: known before anything is built."""
        declaration = self.declaration
        contract = declaration.contract
        names = [table_checks.SCHEMA_CHECK]
        names += rule_check_names(contract).values()
        names += [table_checks.ROWS_CHECK] if contract.rows else []
        names += slice_checks.check_names(declaration)
        names += ledger_checks.check_names(declaration.build)
        names += raw_checks.CHECKS if declaration.kind is AssetKind.RAW else ()
        names += embedding_audit.check_names(declaration.build)
        names += feature_audit.check_names(declaration.build)
        names += model_audit.check_names(declaration.build)
        names += monitor_checks.check_names(declaration.build)
        names += score_audit.check_names(declaration.build)
        names += route_audit.check_names(declaration.build)
        names += test_check_names(self.tests).values()
        names += [check.name for check in declaration.checks]
        # A model's one row is other than the one before by its nature: it is compared by what it answers.
        # A monitor's rows say themselves what drifts.
        drift = () if isinstance(declaration.build, ModelBuild | MonitorBuild) else DRIFT_CHECKS
        return tuple(dict.fromkeys([*names, CHECKS_KEPT, *drift]))

    @property
    def beside(self) -> frozenset[AssetKey]:
        """Other assets whose tests judge this one too."""
        return frozenset(test.attached for test in self.tests) - {self.declaration.key}

    @property
    def reads(self) -> frozenset[AssetKey]:
        """Other assets that the audit reads: what it finds holds for these versions of them."""
        promise = self.declaration.contract.rows
        read = {asset for test in self.tests for asset in test.assets} | ({promise.parent} if promise else set())
        if isinstance(
            self.declaration.build,
            EmbeddingBuild | FeaturesBuild | ModelBuild | MonitorBuild | ScoresBuild | RoutingBuild,
        ):
            read |= set(self.declaration.parents)
        return frozenset(read - {self.declaration.key})


def audit_candidate(
    view: CandidateView, plan: AuditPlan, test_results: Mapping[str, DbtTestResult]
) -> tuple[Finding, ...]:
    """Returns a finding for every check of the plan.

    A check that breaks, or gives no finding, is a failed finding that says so: silence approves nothing.
    """
    declaration, contract = plan.declaration, plan.declaration.contract
    findings = list(_guarded(view, "schema", lambda: table_checks.check_schema(view, contract)))
    if all(finding.passed for finding in findings):
        for name, check in _checks(view, plan, test_results):
            findings += _guarded(view, name, check)
    missing = set(plan.checks) - {finding.check for finding in findings}
    why = "the columns are not those of the contract" if not findings[0].passed else "it gave no finding"
    findings += [
        Finding(asset=declaration.key, check=name, passed=False, engine="python", message=f"did not run: {why}")
        for name in plan.checks
        if name in missing
    ]
    return tuple(findings)


def audit_rows(view: CandidateView, plan: AuditPlan, test_results: Mapping[str, DbtTestResult]) -> tuple[Finding, ...]:
    """Returns what the contract and the project's own checks say of the rows; not how they came to be there."""
    declaration, contract = plan.declaration, plan.declaration.contract
    findings = list(_guarded(view, "schema", lambda: table_checks.check_schema(view, contract)))
    if not all(finding.passed for finding in findings):
        return tuple(findings)
    checks: list[tuple[str, _Check]] = [
        ("rules", lambda: table_checks.check_rules(view, contract)),
        ("keys", lambda: table_checks.check_keys(view, contract)),
        ("rows", lambda: table_checks.check_rows_promise(view, contract)),
        ("dbt tests", lambda: findings_of_tests(view.asset, plan.tests, test_results, contract, plan.read)),
    ]
    checks += [(check.name, partial(run_free_check, view, contract, check)) for check in declaration.checks]
    for name, check in checks:
        findings += _guarded(view, name, check)
    return tuple(findings)


_Check = Callable[[], Iterable[Finding]]


def _checks(
    view: CandidateView, plan: AuditPlan, test_results: Mapping[str, DbtTestResult]
) -> Sequence[tuple[str, _Check]]:
    declaration, contract = plan.declaration, plan.declaration.contract
    checks: list[tuple[str, _Check]] = [
        ("rules", lambda: table_checks.check_rules(view, contract)),
        ("keys", lambda: table_checks.check_keys(view, contract)),
        ("rows", lambda: table_checks.check_rows_promise(view, contract)),
    ]
    build, partition = declaration.build, declaration.partition
    if partition is not None:
        checks.append((slice_checks.SLICES_CHECK, lambda: [slice_checks.check_slices(view, partition)]))
    if isinstance(build, LedgerBuild):
        checks.append((ledger_checks.LEDGER_CHECK, lambda: [ledger_checks.check_ledger(view)]))
    if isinstance(build, SourceBuild):
        checks += [
            ("accounting", lambda: raw_checks.check_accounting(view, build.options, plan.archive)),
            ("order", lambda: raw_checks.check_order(view)),
            ("columns", lambda: raw_checks.check_columns(view, contract)),
        ]
    if isinstance(build, EmbeddingBuild) and plan.embedders is not None:
        checks += embedding_audit.embedding_checks(view, declaration, plan.embedders, plan.cache)
    if isinstance(build, FeaturesBuild):
        checks += feature_audit.feature_checks(view, declaration)
    if isinstance(build, ModelBuild):
        examples = next((contract for contract in plan.read if contract.asset == build.options.examples), None)
        checks += model_audit.model_checks(view, declaration, examples, plan.cache)
    if isinstance(build, MonitorBuild):
        checks += monitor_checks.monitor_checks(view, build, plan.cache)
    if isinstance(build, ScoresBuild):
        examples = next((contract for contract in plan.read if contract.asset == build.options.examples), None)
        checks += score_audit.score_checks(view, declaration, examples, plan.cache)
    if isinstance(build, RoutingBuild):
        checks += route_audit.route_checks(view, declaration)
    checks.append(("dbt tests", lambda: findings_of_tests(view.asset, plan.tests, test_results, contract, plan.read)))
    for check in declaration.checks:
        checks.append((check.name, partial(run_free_check, view, contract, check)))
    checks.append((CHECKS_KEPT, lambda: [check_checks_kept(view, plan.checks, plan.tests, declaration.checks)]))
    if not isinstance(build, ModelBuild | MonitorBuild):
        checks.append(("drift", lambda: check_drift(view, contract, plan.drift_limits, declaration.drift.severity)))
    return checks


def _guarded(view: CandidateView, name: str, check: _Check) -> Iterable[Finding]:
    try:
        return list(check())
    # A check that ends the program is broken too; only a person's interrupt goes through.
    except (Exception, SystemExit) as error:
        if storage_failure(error, view.folder):
            raise  # a full disk says nothing of the candidate
        message = f"{name} could not be judged: {type(error).__name__}: {error}"[:2000]
        return [
            Finding(asset=view.asset, check=check_name(f"{name} ran"), passed=False, engine="python", message=message)
        ]
