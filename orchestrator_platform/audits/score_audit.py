"""Puts the audit of scores together: what is compared in SQL, and the sample that a fresh process scores anew."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from ..errors import ProcessFailed
from ..learning import scoring_process as scoring
from ..learning.fresh_process import ProcessLimits, run_fresh
from ..learning.labelled_examples import write_examples
from ..records.contracts import Contract
from ..records.declarations import AssetDeclaration, ScoresBuild
from ..records.findings import Finding
from ..records.model_rows import ModelRow
from ..records.scores import PREDICTED
from ..sql import identifier, literal
from . import score_checks as own
from . import score_names as names
from .candidate_view import CandidateView
from .model_checks import read_artefact
from .score_checks import ScoresView
from .score_drift import check_drift_of_scores

_LIMITS = ProcessLimits(timeout_seconds=600)
# Rows are answered for in other company than they were: sums of doubles may end otherwise in their last digits.
_SAME_WITHIN = 1e-6
_CHANGED, _OF_ALL = 500, 200
_PICKED = "_picked_scores"


def check_names(build: object) -> Sequence[str]:
    """Returns the checks of scores; none for anything else."""
    return names.CHECKS if isinstance(build, ScoresBuild) else ()


def score_checks(
    view: CandidateView, declaration: AssetDeclaration, examples: Contract | None, cache: Path
) -> Sequence[tuple[str, Callable[[], Iterable[Finding]]]]:
    """Returns each check with its name; `cache` is a folder of the auditor's own."""
    seen = ScoresView(view, declaration, examples)
    return (
        (names.PROBABILITIES, partial(own.check_probabilities, seen)),
        (names.COVERAGE, partial(own.check_coverage, seen)),
        (names.BY_THE_MODEL, partial(own.check_by_the_model, seen)),
        (names.SCORED_ANEW, partial(_check_scored_anew, seen, cache)),
        (names.DRIFT_SCORES, partial(check_drift_of_scores, seen, declaration.drift.severity)),
    )


def _check_scored_anew(seen: ScoresView, cache: Path) -> Iterator[Finding]:
    """A sample of the rows, and more of those that changed, is answered for anew by the published artefact."""
    if seen.model is None:
        yield seen.finding(names.SCORED_ANEW, 0, "no model is published, so there is nothing to score anew")
        return
    n_rows = _pick(seen)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="scores-") as folder:
        try:
            _score(seen, seen.model, Path(folder))
        except ProcessFailed as error:
            yield seen.finding(names.SCORED_ANEW, max(n_rows, 1), f"they cannot be scored anew: {error.problem}")
            return
        yield _compared(seen, n_rows, f"read_parquet({literal(str(Path(folder) / scoring.SCORES))})")


def _pick(seen: ScoresView) -> int:
    """Rows by a hash that the candidate's own id salts: no producer knows beforehand which."""
    view, keys = seen.view, seen.keys
    order = f"ORDER BY hash({keys}, {literal(view.manifest.id)})"
    view.connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {_PICKED} AS SELECT row_number() OVER (ORDER BY {keys}) AS {scoring.ROW}, *"
        f" FROM (FROM (FROM {view.delta} {order} LIMIT {_CHANGED}) UNION FROM"
        f" (FROM {view.next} {order} LIMIT {_OF_ALL}))"
    )
    row = view.connection.execute(f"SELECT count(*) FROM {_PICKED}").fetchone()
    return int(row[0]) if row else 0


def _score(seen: ScoresView, row: ModelRow, folder: Path) -> None:
    features = ", ".join(identifier(name) for name in row.features)
    query = (
        f"SELECT p.{scoring.ROW}, {features} FROM {seen.examples} JOIN (SELECT {scoring.ROW}, {seen.keys} FROM"
        f" {_PICKED}) AS p USING ({seen.keys}) ORDER BY p.{scoring.ROW}"
    )
    write_examples(seen.view.connection, query, folder / scoring.ROWS)
    (folder / scoring.ARTEFACT).write_bytes(read_artefact(seen.view, seen.model_relation))
    model = seen.build.model
    task = scoring.scoring_task(row.features, row.classes, model.positive, row.thresholds, model.allowed_types)
    run_fresh(scoring.MODULE, folder, task, _LIMITS, _silent)


def _compared(seen: ScoresView, n_rows: int, anew: str) -> Finding:
    furthest = f"greatest({', '.join(f'abs(p.{column} - a.{column})' for column in seen.probabilities)})"
    differs = f"(NOT coalesce({furthest} <= {_SAME_WITHIN}, false) OR p.{PREDICTED} IS DISTINCT FROM a.{PREDICTED})"
    joined = f"{_PICKED} AS p LEFT JOIN {anew} AS a USING ({scoring.ROW})"
    row = seen.view.connection.execute(f"SELECT coalesce(max({furthest}), 0) FROM {joined}").fetchone()
    worst = float(row[0]) if row else 0.0
    n_other, sample = seen.failing(f"(SELECT p.* FROM {joined} WHERE {differs})")
    said = (
        f"{n_other} of {n_rows} rows have other scores than the published model gives, by up to {worst:.3g}"
        if n_other
        else f"{n_rows} rows scored anew give the same, within {worst:.2g}"
    )
    return seen.finding(names.SCORED_ANEW, n_other, said, measured=round(worst, 9), limit=_SAME_WITHIN, sample=sample)


def _silent(said: str) -> None:
    """Says nothing."""
