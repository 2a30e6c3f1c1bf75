"""How far a candidate moved from the published version: rows, nulls, categories, numbers. Warns, or asks a person."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import duckdb

from ..records.candidates import SchemaColumn
from ..records.contracts import Contract
from ..records.findings import Finding, Severity
from ..sql import identifier
from .candidate_view import CandidateView

CHECKS = ("drift_rows", "drift_nulls", "drift_categories", "drift_numbers")
_INTEGER = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT")
_NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL")


@dataclass(frozen=True)
class DriftLimits:
    """When a movement is worth a warning.

    `shrunk`: share of rows lost. `null_share`: change of a column's share of nulls. `psi`: population
    stability index of a category column (above .25 is commonly read as a major shift). `z`: change
    of a mean in standard deviations of the published version. Below `min_rows` nothing is compared.
    """

    shrunk: float = 0.1
    null_share: float = 0.1
    psi: float = 0.25
    z: float = 0.5
    min_rows: int = 200
    max_categories: int = 30


@dataclass(frozen=True)
class _Profile:
    n_rows: int
    nulls: Mapping[str, float]
    numbers: Mapping[str, tuple[float, float]]
    shares: Mapping[str, Mapping[str, float]]


def check_drift(
    view: CandidateView, contract: Contract, limits: DriftLimits, severity: Severity = Severity.WARN
) -> Iterable[Finding]:
    """Yields one finding per kind of drift; without a published version all of them pass.

    Places in a log and numbers that identify a row are left out: new rows always have new ones.
    """
    for finding in _found(view, contract, limits):
        yield finding if finding.passed else finding.model_copy(update={"severity": severity})


def _found(view: CandidateView, contract: Contract, limits: DriftLimits) -> Iterable[Finding]:
    numbering = {column.name for column in view.manifest.columns if _is_numbering(column, contract)}
    shared = [column for column in view.manifest.columns if column.name not in numbering]
    if view.base is None or view.base_receipt is None:
        yield from (_finding(view, check, [], 0.0, 0.0) for check in CHECKS)
        return
    served = {column.name: column.type for column in view.base_receipt.columns}
    columns = [column for column in shared if served.get(column.name) == column.type]
    categories = _category_columns(view, columns, limits)
    before = _profile(view.connection, view.base, columns, categories)
    after = _profile(view.connection, view.next, columns, categories)
    lost = 1 - after.n_rows / before.n_rows if before.n_rows else 0.0
    shrunk = [f"{before.n_rows} → {after.n_rows} rows"] if lost > limits.shrunk else []
    yield _finding(view, "drift_rows", shrunk, max(lost, 0.0), limits.shrunk)
    if min(before.n_rows, after.n_rows) < limits.min_rows:
        yield from (_finding(view, check, [], 0.0, 0.0) for check in CHECKS[1:])
        return
    yield _drift_nulls(view, before, after, limits)
    yield _drift_categories(view, before, after, limits)
    yield _drift_numbers(view, before, after, limits)


def _is_numbering(column: SchemaColumn, contract: Contract) -> bool:
    promised = contract.column(column.name)
    unique = (column.name,) in (contract.grain, *contract.unique)
    return (promised is not None and promised.sequence) or (unique and column.type in _INTEGER)


def _profile(
    connection: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[SchemaColumn], categories: Sequence[str]
) -> _Profile:
    """Everything that is compared, in one pass over the relation."""
    numeric = [column.name for column in columns if column.type.startswith(_NUMERIC) and "[" not in column.type]
    parts = ["count(*)", *(f"count({identifier(column.name)})" for column in columns)]
    for name in numeric:
        finite = f"CASE WHEN isfinite({identifier(name)}::DOUBLE) THEN {identifier(name)}::DOUBLE END"
        parts += [f"avg({finite})", f"stddev_pop({finite})"]
    parts += [f"histogram(coalesce({identifier(name)}::VARCHAR, ''))" for name in categories]
    row = connection.execute(f"SELECT {', '.join(parts)} FROM {relation}").fetchone()
    assert row is not None
    n_rows, rest = int(row[0]), list(row[1:])
    counts = dict(zip([column.name for column in columns], rest, strict=False))
    moments, values = rest[len(columns) : len(columns) + 2 * len(numeric)], rest[len(columns) + 2 * len(numeric) :]
    return _Profile(
        n_rows,
        nulls={name: 1 - count / n_rows if n_rows else 0.0 for name, count in counts.items()},
        numbers={
            name: (float(moments[2 * i]), float(moments[2 * i + 1]))
            for i, name in enumerate(numeric)
            if moments[2 * i] is not None
        },
        shares={name: _normed(found or {}) for name, found in zip(categories, values, strict=True)},
    )


def _drift_nulls(view: CandidateView, before: _Profile, after: _Profile, limits: DriftLimits) -> Finding:
    moved = {name: after.nulls[name] - share for name, share in before.nulls.items()}
    said = [
        f"{name}: nulls {before.nulls[name]:.1%} → {after.nulls[name]:.1%}"
        for name, change in moved.items()
        if abs(change) > limits.null_share
    ]
    return _finding(view, "drift_nulls", said, max(map(abs, moved.values()), default=0.0), limits.null_share)


def _drift_numbers(view: CandidateView, before: _Profile, after: _Profile, limits: DriftLimits) -> Finding:
    largest, said = 0.0, []
    for name, (mean, deviation) in before.numbers.items():
        if name not in after.numbers or deviation == 0:
            continue
        z = abs(after.numbers[name][0] - mean) / deviation
        largest = max(largest, z)
        if z > limits.z:
            said.append(f"{name}: mean {mean:.4g} → {after.numbers[name][0]:.4g}")
    return _finding(view, "drift_numbers", said, largest, limits.z)


def _drift_categories(view: CandidateView, before: _Profile, after: _Profile, limits: DriftLimits) -> Finding:
    moved = {name: population_stability(shares, after.shares[name]) for name, shares in before.shares.items()}
    said = [f"{name}: population stability index {psi:.2f}" for name, psi in moved.items() if psi > limits.psi]
    return _finding(view, "drift_categories", said, max(moved.values(), default=0.0), limits.psi)


def _category_columns(view: CandidateView, columns: Sequence[SchemaColumn], limits: DriftLimits) -> list[str]:
    names = [column.name for column in columns if column.type in {"VARCHAR", "BOOLEAN"}]
    if not names:
        return []
    # A sample tells which columns hold few values; long texts are left out without reading them all.
    counts = ", ".join(
        f"count(DISTINCT {identifier(name)}), max(length({identifier(name)}::VARCHAR))" for name in names
    )
    row = view.connection.execute(f"SELECT {counts} FROM (SELECT * FROM {view.next} LIMIT 2000)").fetchone()
    assert row is not None
    return [
        name for i, name in enumerate(names) if row[2 * i] <= limits.max_categories and (row[2 * i + 1] or 0) <= 100
    ]


def _normed(counts: Mapping[str, int]) -> dict[str, float]:
    total = sum(counts.values())
    return {value: count / total for value, count in counts.items()}


def population_stability(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """Returns the population stability index, Σ (p − q) ln(p / q), shares floored at one in ten thousand."""
    floor = 1e-4
    return sum(
        (max(after.get(value, 0), floor) - max(before.get(value, 0), floor))
        * math.log(max(after.get(value, 0), floor) / max(before.get(value, 0), floor))
        for value in before.keys() | after.keys()
    )


def _finding(view: CandidateView, check: str, said: Sequence[str], measured: float, limit: float) -> Finding:
    return Finding(
        asset=view.asset,
        check=check,
        passed=not said,
        severity=Severity.WARN,
        measured=round(measured, 4),
        limit=limit,
        n_failing=len(said),
        message="; ".join(said[:10]) or "no drift from the published version",
    )
