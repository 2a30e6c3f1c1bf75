"""What a branch promises less than what was served under: its contract's document, and the checks of the receipt."""

from collections.abc import Iterator, Mapping

from ..audits.audit import AuditPlan
from ..audits.check_names import rule_check_names
from ..audits.checks_kept import SAMPLED
from ..audits.dbt_checks import test_check_names
from ..contracts.comparing import compare_contracts
from ..gate.context import Gate
from ..gate.contracts_kept import load_contract
from ..records.contract_changes import Direction, PromiseChange
from ..records.declarations import EmbeddingBuild, ModelBuild
from ..records.findings import Finding, Severity
from ..records.receipts import Receipt
from ..transforming.dbt_project import DbtTest

CALIBRATED = "calibration"
_LEADS_TO = {Severity.ERROR: "blocks", Severity.ESCALATE: "asks a person", Severity.WARN: "warns"}
_STRICTEST_FIRST = tuple(_LEADS_TO)


def find_promises(gate: Gate, receipt: Receipt) -> tuple[tuple[PromiseChange, ...], str]:
    """Returns what is promised otherwise than when the version was published, and what could not be compared."""
    plan = gate.audit_plan(receipt.asset)
    contract = plan.declaration.contract
    if contract.hash() == receipt.contract_hash:
        return tuple(_checks(plan, receipt, frozenset())), ""
    before = load_contract(gate.settings.home.evidence, receipt.contract_hash)
    if before is None:
        said = "the contract under which the version was published is not kept: its checks were compared by their names"
        return tuple(_checks(plan, receipt, frozenset())), said
    ruled = frozenset((*rule_check_names(before).values(), "rows"))
    return (*compare_contracts(before, contract), *_checks(plan, receipt, ruled)), ""


def measured_metrics(findings: tuple[Finding, ...], names: frozenset[str]) -> dict[str, Finding]:
    """Returns the findings of these checks that measured a number."""
    return {f.check: f for f in findings if f.check in names and isinstance(f.measured, int | float)}


def _checks(plan: AuditPlan, receipt: Receipt, compared: frozenset[str]) -> Iterator[PromiseChange]:
    """Checks that are not made any more, or tolerate more; of those `compared` the contract's document tells."""
    asked = {finding.check: finding for finding in receipt.findings if finding.check not in compared}
    for check in sorted(asked.keys() - set(plan.checks) - {SAMPLED}):
        yield PromiseChange(direction=Direction.LOOSER, said=f"{check}: not checked any more")
    names = test_check_names(plan.tests)
    for test in plan.tests:
        before = asked.get(names[test.unique_id])
        if before is not None and before.limit is not None and before.limit != test.limit:
            said = f"{before.check}: {before.limit or 'no row may fail'} → {test.limit or 'no row may fail'}"
            yield PromiseChange(direction=Direction.LOOSER if test.limit else Direction.STRICTER, said=said)
    yield from _rewritten(plan, asked)
    yield from _severities(plan, asked)
    yield from _floors(plan, asked)


def _rewritten(plan: AuditPlan, asked: dict[str, Finding]) -> Iterator[PromiseChange]:
    """Checks of the project's own and dbt's tests that ask something else: nobody can say whether it is less."""
    names = test_check_names(plan.tests)
    code = {check.name: check.code_version for check in plan.declaration.checks}
    code |= {names[test.unique_id]: test.code_version for test in plan.tests if not _tolerates_else(test, names, asked)}
    for check, version in code.items():
        before = asked.get(check)
        if before is not None and before.code_version and before.code_version != version:
            yield PromiseChange(direction=Direction.LOOSER, said=f"{check}: says something else")


def _tolerates_else(test: DbtTest, names: Mapping[str, str], asked: Mapping[str, Finding]) -> bool:
    """What a test tolerates is part of its code, and said by itself."""
    before = asked.get(names[test.unique_id])
    return before is not None and before.limit != test.limit


def _severities(plan: AuditPlan, asked: dict[str, Finding]) -> Iterator[PromiseChange]:
    """What a failure of the project's own checks leads to: blocking, asking a person, a remark."""
    for check in plan.declaration.checks:
        before, now = asked.get(check.name), Severity(check.severity)
        if before is None or before.severity is now:
            continue
        looser = _STRICTEST_FIRST.index(now) > _STRICTEST_FIRST.index(before.severity)
        said = f"{check.name}: {_LEADS_TO[before.severity]} → {_LEADS_TO[now]}"
        yield PromiseChange(direction=Direction.LOOSER if looser else Direction.STRICTER, said=said)


def _floors(plan: AuditPlan, asked: dict[str, Finding]) -> Iterator[PromiseChange]:
    """Floors and limits of what is measured of answers."""
    limits = _limits(plan)
    if not limits:
        return
    from ..learning.resampling import LOSSES

    for check, now in limits.items():
        before = asked.get(check)
        was = before.limit if before is not None else None
        if not isinstance(was, int | float) or was == now:
            continue
        most = check in LOSSES or check == CALIBRATED
        looser = now is None or (now > was if most else now < was)
        said = (
            f"{check}: {'at most' if most else 'at least'} {was:g} → {'nothing asked' if now is None else f'{now:g}'}"
        )
        yield PromiseChange(direction=Direction.LOOSER if looser else Direction.STRICTER, said=said)


def _limits(plan: AuditPlan) -> dict[str, float | None]:
    match plan.declaration.build:
        case ModelBuild(options=options):
            from ..audits.model_names import CHAMPION, metric_checks, slice_checks

            slices = dict(zip(slice_checks(options), (part.floor for part in options.slices), strict=True))
            said = {CALIBRATED: options.max_calibration_error, CHAMPION: -options.tolerance}
            return {**metric_checks(options), **slices, **said}
        case EmbeddingBuild(options=options) if options.golden is not None:
            golden = options.golden
            return {
                "retrieval_ndcg": golden.min_ndcg, "retrieval_recall": golden.min_recall,
                "retrieval_mrr": golden.min_mrr,
            }  # fmt: skip
        case _:
            return {}
