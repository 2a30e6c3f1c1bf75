"""`@gated` over an `@dg.asset`: what an existing asset returns goes through the gate before anybody reads it.

Nothing else of the asset changes: its key, inputs, resources, configuration, schedule and tests stay what they are.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg

from ..errors import DefinitionError, OrchestratorError
from ..gate.context import Gate
from ..gate.outcomes import Escalated, Outcome, Published, Rejected, Unchanged
from ..operations.audit import audit_again
from ..operations.gated import GatedTable, bring_frame, gate_over
from ..operations.served import Served, read_served
from ..projections.dagster_values import (
    SERVED,
    check_arguments,
    platform_key,
    receipt_metadata,
    receipt_tags,
)
from ..records.findings import Finding
from ..records.keys import AgentName, AssetKey
from ..records.receipts import Receipt
from .explanations import explain_shortfalls, warnings_of
from .gated_inputs import versions_loaded
from .specs import check_specs
from .steps import run_start

Event = dg.MaterializeResult[Any] | dg.AssetCheckResult


def gated(*, contract: str, producer: str, auditor: str) -> Callable[[dg.AssetsDefinition], dg.AssetsDefinition]:
    """Brings what the asset below returns through the gate: audited by `auditor` under the contract, then published.

    The asset returns a pandas, Polars or Arrow table, a pyarrow RecordBatchReader or a DuckDB relation. Only what was
    approved becomes a materialization; a rejected candidate fails the run, waits in quarantine, and nobody reads it.

    Args:
        contract: `file.py:Class`, a pandera model in a file beside this one.
        producer: The agent that makes the asset, by the name of its file in `agents/`.
        auditor: The other agent, which judges it.

    Raises:
        DefinitionError: The contract, an agent or the asset cannot be; the message has file and line.
    """

    def over(asset: dg.AssetsDefinition) -> dg.AssetsDefinition:
        function = _function_of(asset)
        table = _table(asset, function, contract, producer, auditor)
        gate = gate_over(table)
        return _step(asset, function, gate, table)

    return over


def gated_table(
    key: dg.AssetKey, function: Callable[..., Any], contract: str, producer: str, auditor: str, **more: Any
) -> GatedTable:
    """Returns the table that a function's asset makes.

    Raises:
        DefinitionError: The asset's key cannot be a table's.
    """
    file, line = _place(function)
    try:
        return GatedTable(
            key=platform_key(key),
            contract=contract,
            producer=AgentName(producer),
            auditor=AgentName(auditor),
            file=file,
            line=line,
            function=function.__name__,
            description=inspect.getdoc(function) or "",
            **more,
        )
    except ValueError as error:
        problem = f"{function.__name__}() has the key {key.to_user_string()}, which cannot be a table's: {error}"
        fix = "Give it a name, and at most one part of `key_prefix`, in lower case."
        raise DefinitionError(file=file, line=line, problem=problem, fix=fix) from error


def table_keys(keys: Any) -> tuple[AssetKey, ...]:
    """Returns those of Dagster's keys that can be tables of the lake."""
    found = []
    for key in keys:
        try:
            found.append(platform_key(key))
        except ValueError:
            continue
    return tuple(found)


def raise_shortfall(gate: Gate, outcome: Outcome, served: Mapping[AssetKey, Served]) -> None:
    """Raises dagster.Failure where what was returned does not serve, with what failed as its first line."""
    shortfalls = explain_shortfalls(gate, [outcome], served)
    if shortfalls:
        raise dg.Failure(description="\n".join(shortfalls), allow_retries=False)


def _function_of(asset: Any) -> Callable[..., Any]:
    if not isinstance(asset, dg.AssetsDefinition):
        file, line = _place(asset)
        problem = f"@gated stands over {getattr(asset, '__name__', asset)!r}, which is no asset"
        raise DefinitionError(file=file, line=line, problem=problem, fix="Write @gated(…) above @dg.asset.")
    # Dagster keeps the function that it decorates nowhere else.
    return asset.op.compute_fn.decorated_fn  # type: ignore[union-attr]


def _place(function: Any) -> tuple[Path, int]:
    code = getattr(inspect.unwrap(function) if callable(function) else function, "__code__", None)
    return (Path(code.co_filename), code.co_firstlineno) if code else (Path("unknown"), 1)


def _table(
    asset: dg.AssetsDefinition, function: Callable[..., Any], contract: str, producer: str, auditor: str
) -> GatedTable:
    specs = list(asset.specs)
    spec = specs[0]
    deps = table_keys(dep.asset_key for dep in spec.deps)
    group = spec.group_name or "default"
    table = gated_table(spec.key, function, contract, producer, auditor, group=group, parents=deps)
    if len(specs) != 1 or list(asset.check_specs):
        fix = "Write @gated over an @dg.asset without checks."
        raise table.wrong("makes several assets, or checks of its own", fix)
    if spec.partitions_def is not None:
        fix = "Declare a Python table with `partition`: its slices go through the gate one by one."
        raise table.wrong("is partitioned, and a frame is brought through the gate as a whole", fix)
    return replace(table, description=spec.description or table.description)


def _step(
    asset: dg.AssetsDefinition, function: Callable[..., Any], gate: Gate, table: GatedTable
) -> dg.AssetsDefinition:
    op = asset.op
    signature = inspect.signature(function)
    takes_resources = bool(op.compute_fn.get_resource_args())  # type: ignore[union-attr]
    spec = next(iter(asset.specs)).replace_attributes(skippable=True)
    ins = {name: dg.AssetIn(key=key) for name, key in asset.keys_by_input_name.items() if name in signature.parameters}

    def step(*given: Any, **inputs: Any) -> Iterator[Event]:
        context = dg.AssetExecutionContext.get()
        if not context.selected_asset_keys:
            yield from _audit(gate, table.key, spec.key)
            return
        yield from bring(context, gate, table.key, spec.key, function(*given, **inputs))

    functools.update_wrapper(step, function)
    del step.__wrapped__  # type: ignore[attr-defined]
    step.__annotations__ = {name: hint for name, hint in function.__annotations__.items() if name != "return"}
    step.__signature__ = signature.replace(return_annotation=signature.empty)  # type: ignore[attr-defined]
    return dg.multi_asset(
        name=op.name,
        specs=[spec],
        ins=ins,
        check_specs=check_specs(gate, gate.assets[table.key]),
        can_subset=True,
        config_schema=None if "config" in signature.parameters else _config_of(op),
        required_resource_keys=None if takes_resources else set(op.required_resource_keys) - {"io_manager"},
        op_tags=op.tags,
        retry_policy=op.retry_policy,
        backfill_policy=asset.backfill_policy,
    )(step)


def _config_of(op: dg.OpDefinition) -> Mapping[str, Any] | None:
    """The fields of a schema that is given as a mapping; assets take no other."""
    fields: Mapping[str, Any] | None = getattr(getattr(op.config_schema, "config_type", None), "fields", None)
    return fields


def bring(
    context: dg.AssetExecutionContext, gate: Gate, asset: AssetKey, key: dg.AssetKey, returned: Any
) -> Iterator[Event]:
    """Yields the materialization of what was published, and check results.

    Raises:
        dagster.Failure: What was returned does not serve; its first line says what failed.
    """
    saying = replace(gate, say=context.log.info)
    start = run_start(context.run)
    more: Mapping[str, Any] = {}
    if isinstance(returned, dg.MaterializeResult):
        returned, more = getattr(returned, "value", None), returned.metadata or {}
    try:
        outcome = bring_frame(
            saying,
            asset,
            returned,
            versions_loaded(context.instance, context.run.run_id, _step_key(context)),
            reason="materialized in Dagster",
            on_behalf_of=start.name,
            started=start.started,
        )
    except OrchestratorError as error:
        raise dg.Failure(str(error), metadata={"code": error.code}, allow_retries=error.retryable) from error
    served = read_served(saying, [asset])
    yield from _events(saying, outcome, served[asset], key, more)
    for text in warnings_of([outcome]):
        context.log.warning(text)
    raise_shortfall(saying, outcome, served)


def _step_key(context: dg.AssetExecutionContext) -> str:
    return context.op_execution_context.get_step_execution_context().step.key


def _events(gate: Gate, outcome: Outcome, served: Served, key: dg.AssetKey, more: Mapping[str, Any]) -> Iterator[Event]:
    receipt = served.receipt
    match outcome:
        case Published():
            yield materialization(gate, outcome.receipt, key, more)
            yield from _results(outcome.findings, key, outcome.receipt.candidate)
        case Unchanged() if receipt is not None:
            # Steps of the same run may wait for it, and Dagster skips them where an output is left out.
            yield materialization(gate, receipt, key, more)
            findings = outcome.verdict.findings if outcome.verdict else receipt.findings
            yield from _results(findings, key, receipt.candidate)
        case Rejected() | Escalated():
            yield from _results(outcome.verdict.findings, key, outcome.manifest.id)
    yield from _results([served.finding], key)


def materialization(
    gate: Gate, receipt: Receipt, key: dg.AssetKey, more: Mapping[str, Any]
) -> dg.MaterializeResult[Any]:
    """Returns what Dagster records of a version."""
    return dg.MaterializeResult(
        asset_key=key,
        metadata={**more, **receipt_metadata(receipt, gate.assets[receipt.asset].contract)},
        data_version=dg.DataVersion(receipt.data_version),
        tags=receipt_tags(receipt),
    )


def _results(
    findings: Iterable[Finding], key: dg.AssetKey, candidate: str | None = None
) -> Iterator[dg.AssetCheckResult]:
    for finding in findings:
        yield dg.AssetCheckResult(asset_key=key, check_name=finding.check, **check_arguments(finding, candidate))


def _audit(gate: Gate, asset: AssetKey, key: dg.AssetKey) -> Iterator[dg.AssetCheckResult]:
    """Checks without their asset: the waiting candidate, or what serves, is judged and nothing is published."""
    again = audit_again(gate, asset)
    known = {*gate.audit_plan(asset).checks, SERVED}
    findings = [*again.verdict.findings, read_served(gate, [asset])[asset].finding]
    yield from _results([finding for finding in findings if finding.check in known], key, again.verdict.candidate)
