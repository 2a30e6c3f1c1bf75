"""What a model's measures ask for: one piece of evidence for each rule that is broken. Asks nobody."""

from collections.abc import Iterator, Sequence

from ...records.asks import Evidence
from ...records.monitors import MODEL, Measure, MonitorRow

DRIFT, DECAY, LABELS, AGE = "drift", "decay", "new_labels", "age"
_MOST_NAMED = 5


def evidence_in(rows: Sequence[MonitorRow]) -> tuple[Evidence, ...]:
    """Returns the evidence that the newest month gives; what was judged of earlier months was asked then."""
    newest = max((row.month for row in rows), default="")
    failed = [row for row in rows if row.month == newest and row.passed is False]
    return (*_drift(failed), *_decay(failed), *_counted(failed))


def _drift(failed: Sequence[MonitorRow]) -> Iterator[Evidence]:
    moved = [row for row in failed if row.measure in (Measure.INPUT_DRIFT, Measure.SCORE_DRIFT) and row.bound]
    if not moved:
        return
    moved.sort(key=lambda row: -row.value)
    named = ", ".join(f"{_name(row)} {row.value:.2f}" for row in moved[:_MOST_NAMED])
    more = f" and {len(moved) - _MOST_NAMED} more" if len(moved) > _MOST_NAMED else ""
    worst = moved[0]
    assert worst.bound is not None
    yield Evidence(
        trigger=DRIFT,
        measured=round(worst.value, 6),
        limit=round(worst.bound, 6),
        says=f"In {worst.month} the population stability index is above its limit for {named}{more}.",
        details={"month": worst.month, "moved": {_name(row): round(row.value, 6) for row in moved}},
    )


def _decay(failed: Sequence[MonitorRow]) -> Iterator[Evidence]:
    """What was realised says more than what was estimated, where both fell."""
    fallen = {row.measure: row for row in failed if row.measure in (Measure.ESTIMATED, Measure.REALISED)}
    row = fallen.get(Measure.REALISED) or fallen.get(Measure.ESTIMATED)
    if row is None or row.reference is None or row.bound is None:
        return
    how = "realised" if row.measure is Measure.REALISED else "estimated"
    yield Evidence(
        trigger=DECAY,
        measured=round(row.reference - row.value, 6),
        limit=round(row.reference - row.bound, 6),
        says=f"In {row.month} the {how} ROC AUC is {row.value:.3f}, and was {row.reference:.3f}.",
        details={"month": row.month, "how": how, "n": row.n_current},
    )


def _counted(failed: Sequence[MonitorRow]) -> Iterator[Evidence]:
    said = {
        Measure.LABELS: (LABELS, "{:,.0f} labelled examples came since it was trained."),
        Measure.AGE: (AGE, "The newest example is {:.0f} days younger than the last one that was trained on."),
    }
    for row in failed:
        if row.measure in said and row.bound is not None:
            trigger, text = said[row.measure]
            yield Evidence(
                trigger=trigger,
                measured=round(row.value, 6),
                limit=row.bound,
                says=text.format(row.value),
                details={"until": row.until.isoformat() if row.until else None},
            )


def _name(row: MonitorRow) -> str:
    return "the scores" if row.feature == MODEL else row.feature
