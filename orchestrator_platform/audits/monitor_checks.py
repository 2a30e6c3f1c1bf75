"""Whether a monitor measured what it says, by measuring anew; and what it found, as findings that warn, each of the
newest month.

That a model drifts is no fault of its monitor, so nothing of it keeps the monitor from being published.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from math import isclose
from pathlib import Path
from typing import Any

from ..learning.monitoring.measuring import Watching, measure_model
from ..records.declarations import MonitorBuild
from ..records.findings import SAMPLE_LIMIT, Finding, Severity
from ..records.monitors import GRAIN, Measure
from .candidate_view import CandidateView

# The check of each measure.
CHECKS = {
    Measure.INPUT_DRIFT: "input_drift",
    Measure.SCORE_DRIFT: "score_drift",
    Measure.ESTIMATED: "performance_estimated",
    Measure.REALISED: "performance_realised",
    Measure.LABELS: "new_labels",
    Measure.AGE: "model_age",
}
WELL_FORMED, MEASURED_ANEW = "measures_are_well_formed", "measured_anew"
_SAME = 1e-6

# What no measure may be, each with its reason.
_WRONG = """
    SELECT month, feature, measure, value FROM {rows}
    WHERE NOT isfinite(value)
       OR measure NOT IN ({measures})
       OR (passed IS NOT NULL AND bound IS NULL)
       OR (passed IS NOT NULL AND measure IN ('input_drift', 'score_drift') AND passed <> (value <= bound))
       OR (passed IS NOT NULL AND measure IN ('estimated_roc_auc', 'realised_roc_auc') AND passed <> (value >= bound))
       OR (measure IN ('estimated_roc_auc', 'realised_roc_auc') AND NOT value BETWEEN 0 AND 1)
       OR n_current < 0 OR n_reference < 0
"""


def check_names(build: object) -> Sequence[str]:
    """Returns the checks of a monitor; none for anything else."""
    return (WELL_FORMED, MEASURED_ANEW, *CHECKS.values()) if isinstance(build, MonitorBuild) else ()


def monitor_checks(
    view: CandidateView, build: MonitorBuild, cache: Path
) -> Sequence[tuple[str, Callable[[], Iterable[Finding]]]]:
    """Returns each check with its name; `cache` is a folder of the auditor's own."""
    return (
        (WELL_FORMED, partial(_check_well_formed, view)),
        (MEASURED_ANEW, partial(_check_measured_anew, view, build, cache)),
        *((check, partial(_check_measure, view, measure, check)) for measure, check in CHECKS.items()),
    )


def _check_well_formed(view: CandidateView) -> Iterator[Finding]:
    measures = ", ".join(f"'{measure}'" for measure in Measure)
    wrong = _dictionaries(view, _WRONG.format(rows=view.next, measures=measures))
    yield Finding(
        asset=view.asset,
        check=WELL_FORMED,
        passed=not wrong,
        n_failing=len(wrong),
        sample=tuple(_as_text(row) for row in wrong[:SAMPLE_LIMIT]),
        message="a measure is no number, or does not agree with its own limit" if wrong else "",
    )


def _check_measured_anew(view: CandidateView, build: MonitorBuild, cache: Path) -> Iterator[Finding]:
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="monitor-") as folder:
        watching = Watching(
            connection=view.connection,
            options=build.options,
            model=build.model,
            row=view.relations.get(build.options.model, ""),
            examples=view.relations[build.model.examples],
            scratch=Path(folder) / "watched",
            say=_silent,
        )
        anew = {_place(row): row for row in measure_model(watching)}
    said = {_place(row): row for row in _dictionaries(view, f"FROM {view.next}")}
    other = [place for place in sorted({*anew, *said}) if not _is_same(anew.get(place), said.get(place))]
    yield Finding(
        asset=view.asset,
        check=MEASURED_ANEW,
        passed=not other,
        measured=len(other),
        limit=0,
        n_failing=len(other),
        sample=tuple(dict(zip(GRAIN, place, strict=True)) for place in other[:SAMPLE_LIMIT]),
        engine="python",
        message="" if not other else "measured anew from the same model and examples, these are other or not there",
    )


def _silent(said: str) -> None:
    """Says nothing."""


def _place(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in GRAIN)


def _is_same(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    if one is None or other is None:
        return False
    numbers = ("value", "reference", "bound")
    exact = ("passed", "n_reference", "n_current", "model_sha256")
    return all(one[name] == other[name] for name in exact) and all(
        (one[name] is None) == (other[name] is None)
        and (one[name] is None or isclose(one[name], other[name], abs_tol=_SAME))
        for name in numbers
    )


def _check_measure(view: CandidateView, measure: Measure, check: str) -> Iterator[Finding]:
    newest = _dictionaries(
        view,
        "SELECT month, feature, value, bound, passed, n_reference, n_current"
        f" FROM {view.next} WHERE measure = '{measure}' AND month = (SELECT max(month) FROM {view.next})"
        " ORDER BY passed NULLS LAST, abs(value - coalesce(bound, 0)) DESC, feature",
    )
    failed = [row for row in newest if row["passed"] is False]
    shown = next(iter(failed or sorted(newest, key=lambda row: -row["value"])), None)
    yield Finding(
        asset=view.asset,
        check=check,
        passed=not failed,
        severity=Severity.WARN,
        measured=round(shown["value"], 4) if shown else None,
        limit=round(shown["bound"], 4) if shown and shown["bound"] is not None else None,
        n_failing=len(failed),
        sample=tuple(_as_text(row) for row in failed[:SAMPLE_LIMIT]),
        message=_says(newest, failed),
    )


def _says(newest: Sequence[dict[str, Any]], failed: Sequence[dict[str, Any]]) -> str:
    if not newest:
        return "nothing was measured yet"
    if failed:
        named = ", ".join(f"{row['feature']} {row['value']:.3g} (limit {row['bound']:.3g})" for row in failed[:5])
        return f"in {failed[0]['month']}: {named}"
    judged = sum(1 for row in newest if row["passed"] is not None)
    return "" if judged else "too few rows to judge by, or no limit is declared"


def _as_text(row: dict[str, Any]) -> dict[str, str]:
    return {name: f"{value:.4g}" if isinstance(value, float) else str(value) for name, value in row.items()}


def _dictionaries(view: CandidateView, sql: str) -> list[dict[str, Any]]:
    cursor = view.connection.execute(sql)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
