"""A model's version, and what its monitor measured, as Dagster shows them: pictures, tables, numbers. Reads nothing."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from ..records.monitors import MODEL, Measure, MonitorRow
from ..records.portraits import Portrait
from ..records.receipts import Receipt
from .model_pictures import draw_bars, draw_calibration, draw_cells, draw_confusion, draw_series
from .pictures import as_markdown

_MOST_SHOWN = 20
_MOST_TRIALS, _MOST_FINDINGS = 50, 50
_DRIFT = (Measure.INPUT_DRIFT, Measure.SCORE_DRIFT)
_PERFORMANCE = {Measure.ESTIMATED: "estimated", Measure.REALISED: "realised"}


def measured_in(receipt: Receipt, names: Sequence[str]) -> Mapping[str, float]:
    """Returns what the auditor measured of these metrics."""
    found = {finding.check: finding.measured for finding in receipt.findings}
    return {name: float(value) for name in names if isinstance(value := found.get(name), (int, float))}


def metrics_metadata(receipts: Sequence[Receipt], names: Sequence[str]) -> dict[str, Any]:
    """Returns the metrics of the newest of the receipts, which come oldest first, as numbers that Dagster plots, and
    one picture of them over versions.
    """
    measured = {receipt.version: measured_in(receipt, names) for receipt in receipts if not receipt.withdrawn}
    if not measured:
        return {}
    newest = measured[max(measured)]
    labels = [f"@{version}" for version in sorted(measured)]
    lines = {name: [measured[version].get(name) for version in sorted(measured)] for name in newest}
    told = ", ".join(f"{name} {value:.3f}" for name, value in newest.items())
    picture = as_markdown(draw_series(labels, lines), f"metrics over versions: {told}")
    return {**newest, "metrics": dg.MetadataValue.md(picture)} if newest else {}


def portrait_metadata(portrait: Portrait) -> dict[str, Any]:
    """Returns calibration curve, confusion matrix and what counts, each a picture with its words."""
    bins = [(each.predicted, each.observed, each.n) for each in portrait.calibration]
    said = f"{portrait.n:,} examples that were held out, {portrait.n_positive:,} positive"
    bars = {
        each.feature: (each.mean, each.deviation)
        for each in sorted(portrait.importances, key=lambda each: -each.mean)[:_MOST_SHOWN]
    }
    counting = (
        f"By how much {portrait.metric} falls where the values of one feature are shuffled; lines: one deviation."
    )
    called = f"{said}. A positive class is called from {portrait.threshold:.3f} on."
    shown = {
        "calibration_curve": _pictured(draw_calibration(bins), "calibration curve", f"{said}."),
        "confusion_matrix": _pictured(
            draw_confusion(portrait.classes, portrait.confusion), "confusion matrix: a row for each class", called
        ),
    }
    if bars:
        shown["importance"] = _pictured(draw_bars(bars), "permutation importance", counting)
    return shown


def slices_metadata(receipt: Receipt, checks: Mapping[str, str]) -> dict[str, Any]:
    """Returns what the auditor measured on each slice, as a table; `checks` are the slices' names by their checks."""
    rows = [
        {
            "slice": checks[finding.check],
            "measured": "" if finding.measured is None else f"{finding.measured:.3f}",
            "floor": f"{finding.limit:.3f}" if isinstance(finding.limit, (int, float)) else "",
            "support": finding.message.partition(":")[0],
            "passed": "yes" if finding.passed else "no",
        }
        for finding in receipt.findings
        if finding.check in checks
    ]
    return {"slices": _table(rows)} if rows else {}


def search_metadata(search: str) -> dict[str, Any]:
    """Returns every trial of the search that the trainer made, best first; nothing where that cannot be read."""
    try:
        trials = [trial for trial in json.loads(search) if isinstance(trial, dict)]
    except (ValueError, TypeError):
        return {}
    if not trials:
        return {}
    known = [trial for trial in trials if isinstance(trial.get("value"), (int, float))]
    best = sorted(known, key=lambda trial: -trial["value"])[:_MOST_TRIALS]
    rows = [{"trial": str(t.get("number", "")), "value": f"{t['value']:.4f}", "parameters": _words(t)} for t in best]
    return {"search": _table(rows), "trials": len(trials)} if rows else {"trials": len(trials)}


def monitor_metadata(rows: Sequence[MonitorRow]) -> dict[str, Any]:
    """Returns drift by feature and month, performance by month, and what is beyond its limit; nothing without rows."""
    if not rows:
        return {}
    months = sorted({row.month for row in rows})
    shown: dict[str, Any] = {}
    moved = [row for row in rows if row.measure in _DRIFT]
    if moved:
        values = {(_feature(row), row.month): (row.value, row.bound) for row in moved}
        names = _by_newest(moved)
        cells = draw_cells(names[: 2 * _MOST_SHOWN], months[-8:], values)
        text = "Population stability index by month; deep red is above its limit. 0.1 is little, 0.25 much."
        shown["drift"] = _pictured(cells, "drift by feature and month", text)
    lines = {name: list(_by_month(rows, measure, months)) for measure, name in _PERFORMANCE.items()}
    if any(value is not None for values in lines.values() for value in values):
        text = "ROC AUC by month: estimated from the model's own confidence, and realised where labels have come."
        shown["performance"] = _pictured(draw_series(months, lines), "performance by month", text)
    beyond = [row for row in rows if row.passed is False]
    shown["beyond_limits"] = len(beyond)
    if beyond:
        newest_first = sorted(beyond, key=lambda row: row.month, reverse=True)
        shown["findings"] = _table([_finding(row) for row in newest_first[:_MOST_FINDINGS]])
    return shown


def _by_newest(moved: Sequence[MonitorRow]) -> list[str]:
    """The features, furthest moved in the newest month first."""
    newest = max(row.month for row in moved)
    moves = {_feature(row): row.value for row in moved if row.month == newest}
    return sorted({_feature(row) for row in moved}, key=lambda name: (-moves.get(name, 0.0), name))


def _by_month(rows: Sequence[MonitorRow], measure: Measure, months: Sequence[str]) -> Iterator[float | None]:
    found = {row.month: row.value for row in rows if row.measure is measure}
    yield from (found.get(month) for month in months)


def _feature(row: MonitorRow) -> str:
    return "scores" if row.feature == MODEL else row.feature


def _finding(row: MonitorRow) -> dict[str, str]:
    bound = "" if row.bound is None else f"{row.bound:.3f}"
    return {"month": row.month, "of": row.feature, "measure": row.measure, "value": f"{row.value:.3f}", "limit": bound}


def _words(trial: Mapping[str, Any]) -> str:
    parameters = trial.get("parameters")
    if not isinstance(parameters, dict):
        return ""
    return ", ".join(f"{n} {v:.4g}" if isinstance(v, float) else f"{n} {v}" for n, v in parameters.items())[:300]


def _pictured(picture: str, says: str, text: str) -> dg.MarkdownMetadataValue:
    return dg.MetadataValue.md(f"{as_markdown(picture, says)}\n\n{text}")


def _table(rows: Sequence[Mapping[str, str]]) -> dg.TableMetadataValue:
    schema = dg.TableSchema([dg.TableColumn(name) for name in rows[0]])
    return dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in rows], schema=schema)
