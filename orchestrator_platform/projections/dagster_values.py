"""The platform's values as Dagster shows them: receipts, findings, schemas. Reports nothing itself."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from ..records.candidates import AssetKind, SchemaColumn
from ..records.contracts import Contract
from ..records.findings import Finding, Severity
from ..records.keys import AssetKey
from ..records.receipts import Receipt

# Checks of the version that serves; all others tell of the last candidate.
SERVED, FRESHNESS = "served", "freshness"
CANDIDATE = "candidate"
# DuckDB's own schema, whose tables need not be called by it.
MAIN = "main"
CANDIDATE_TAG, CHAMPION_TAG = f"orchestrator/{CANDIDATE}", "orchestrator/champion"
# Large failure metadata freezes Dagster's pages.
_MAX_CHARACTERS = 2000


def rows_text(n_rows: int) -> str:
    """Returns `1 row`, or `1,234 rows`."""
    return f"{n_rows:,} row{'' if n_rows == 1 else 's'}"


def dagster_key(asset: AssetKey) -> dg.AssetKey:
    """Returns `schema.name` as Dagster's key `schema/name`; what is in the schema `main` has its name alone."""
    return dg.AssetKey([asset.name] if asset.schema == MAIN else [asset.schema, asset.name])


def platform_key(key: dg.AssetKey) -> AssetKey:
    """Returns Dagster's key `schema/name` as `schema.name`, a key of one part as in the schema `main`.

    Raises:
        ValueError: The key has more parts, or characters that a table's name cannot have.
    """
    return AssetKey(".".join([MAIN, *key.path] if len(key.path) == 1 else key.path))


def receipt_metadata(receipt: Receipt, contract: Contract | None) -> dict[str, Any]:
    """Returns what a materialization shows; numbers become plots."""
    parents = {parent.asset: parent.version for parent in receipt.parents}
    return {
        "version": int(receipt.version),
        "dagster/row_count": receipt.n_rows,
        "inserted": receipt.n_inserted,
        "deleted": receipt.n_deleted,
        "warnings": sum(1 for finding in receipt.findings if not finding.passed),
        "snapshot": int(receipt.snapshot),
        "producer": str(receipt.producer),
        "auditor": str(receipt.auditor),
        **({"approved_by": str(receipt.approval.approver)} if receipt.approval else {}),
        "reason": receipt.reason,
        **({"restores": int(receipt.restores)} if receipt.restores is not None else {}),
        **({"withdrawn": True} if receipt.withdrawn else {}),
        "parents": ", ".join(f"{asset}@{version}" for asset, version in parents.items()) or "landed files",
        "receipt": f"orchestrator receipt {receipt.asset}@{receipt.version}",
        CANDIDATE: str(receipt.candidate),
        "dagster/column_schema": receipt_schema(receipt.columns, contract),
    }


def receipt_tags(receipt: Receipt) -> dict[str, str]:
    """Returns the tags of a materialization: its candidate, and of a model the version that it made the champion."""
    is_champion = receipt.kind is AssetKind.MODEL and not receipt.withdrawn
    champion = {CHAMPION_TAG: str(receipt.version)} if is_champion else {}
    return {CANDIDATE_TAG: receipt.candidate, **champion}


def slice_arguments(n_rows: int, data_version: str, receipt: Receipt) -> dict[str, Any]:
    """Returns what the materialization of one slice is made of, but asset and partition; one without rows says so."""
    version = data_version or "no rows"
    return {
        "metadata": {
            "version": int(receipt.version),
            "dagster/partition_row_count": n_rows,
            "snapshot": int(receipt.snapshot),
            "producer": str(receipt.producer),
            "auditor": str(receipt.auditor),
            "reason": receipt.reason,
            "receipt": f"orchestrator receipt {receipt.asset}@{receipt.version}",
            CANDIDATE: str(receipt.candidate),
        },
        "tags": {
            "dagster/data_version": version,
            "dagster/data_version_is_user_provided": "true",
            **receipt_tags(receipt),
        },
    }


def receipt_schema(columns: Sequence[SchemaColumn], contract: Contract | None) -> dg.TableSchema:
    """Returns the columns as they are served, with what the contract promises of them."""
    promised = {column.name: column for column in contract_schema(contract).columns} if contract else {}
    return dg.TableSchema(
        [
            dg.TableColumn(column.name, column.type, found.description, found.constraints, tags=found.tags)
            if (found := promised.get(column.name))
            else dg.TableColumn(column.name, column.type)
            for column in columns
        ]
    )


def contract_schema(contract: Contract) -> dg.TableSchema:
    """Returns the promised columns with their rules as constraints."""
    unique = {columns[0] for columns in (contract.grain or (), *contract.unique) if len(columns) == 1}
    rules: dict[str, list[str]] = {}
    for rule in contract.rules:
        for name in rule.columns:
            rules.setdefault(name, []).append(rule.name)
    return dg.TableSchema(
        [
            dg.TableColumn(
                column.name,
                column.type,
                column.description or None,
                dg.TableColumnConstraints(
                    nullable=column.nullable, unique=column.name in unique, other=rules.get(column.name)
                ),
                tags={"pii": ""} if column.pii else None,
            )
            for column in contract.columns
        ]
    )


def check_arguments(finding: Finding, candidate: str | None = None) -> dict[str, Any]:
    """Returns what `AssetCheckResult` and `AssetCheckEvaluation` are made of, but asset and check."""
    # A question to a person keeps a candidate from being published just as an error does.
    severity = dg.AssetCheckSeverity.WARN if finding.severity is Severity.WARN else dg.AssetCheckSeverity.ERROR
    return {
        "passed": finding.passed,
        "severity": severity,
        "description": finding.message[:_MAX_CHARACTERS] or None,
        "metadata": _check_metadata(finding, candidate),
    }


def _check_metadata(finding: Finding, candidate: str | None) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "measured": finding.measured,
        "limit": finding.limit,
        "failing_rows": finding.n_failing,
        "judged_by": finding.engine,
        CANDIDATE: candidate,
    }
    if finding.sample:
        shown["sample"] = dg.MetadataValue.table(
            [dg.TableRecord(_row(row)) for row in finding.sample],
            schema=dg.TableSchema([dg.TableColumn(name) for name in finding.sample[0]]),
        )
    return {name: value for name, value in shown.items() if value is not None}


def _row(row: Mapping[str, Any]) -> dict[str, str]:
    return {name: "null" if value is None else str(value) for name, value in row.items()}
