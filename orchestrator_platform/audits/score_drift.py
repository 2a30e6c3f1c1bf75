"""How far probabilities moved from the published version. Warns, or asks a person."""

from collections.abc import Iterator

from ..records.findings import Finding, Severity
from .drift import population_stability
from .score_checks import ScoresView
from .score_names import DRIFT_SCORES

_BINS = 10
# With fewer rows on a side, chance alone moves shares by this much.
_FEWEST_ROWS = 200


def check_drift_of_scores(seen: ScoresView, severity: Severity) -> Iterator[Finding]:
    """The probabilities of each class are spread as they were; without enough rows on both sides it passes.

    Measured as the population stability index over the tenths of the served version.
    """
    moved = {column: _shift(seen, column) for column in seen.probabilities} if _is_comparable(seen) else {}
    limit = seen.options.max_shift
    too_far = {column: shift for column, shift in moved.items() if shift > limit}
    said = "; ".join(
        f"{column.strip(chr(34))}: population stability index {shift:.2f}" for column, shift in too_far.items()
    )
    yield Finding(
        asset=seen.view.asset,
        check=DRIFT_SCORES,
        passed=not too_far,
        severity=severity,
        measured=round(max(moved.values(), default=0.0), 4),
        limit=limit,
        n_failing=len(too_far),
        message=said or "the probabilities are spread as in the published version",
    )


def _is_comparable(seen: ScoresView) -> bool:
    base, following = seen.view.base, seen.view.next
    if base is None or seen.view.base_receipt is None:
        return False
    served = {column.name for column in seen.view.base_receipt.columns}
    if not {column.strip('"') for column in seen.probabilities} <= served:
        return False
    counts = [seen.view.connection.execute(f"SELECT count(*) FROM {one}").fetchone() for one in (base, following)]
    return all(count is not None and count[0] >= _FEWEST_ROWS for count in counts)


def _shift(seen: ScoresView, column: str) -> float:
    tenths = ", ".join(str(place / _BINS) for place in range(1, _BINS))
    shares = []
    for relation in (seen.view.base, seen.view.next):
        rows = seen.view.connection.execute(
            f"WITH edges AS (SELECT quantile_disc({column}, [{tenths}]) AS edge FROM {seen.view.base})"
            f" SELECT bin::VARCHAR, count(*) / sum(count(*)) OVER () FROM (SELECT len(list_filter(edge,"
            f" lambda e: e < {column})) AS bin FROM {relation}, edges) GROUP BY bin"
        ).fetchall()
        shares.append({str(name): float(share) for name, share in rows})
    return population_stability(shares[0], shares[1])
