"""What a model's measures say of a population that stays, that moves, and whose labels come to mean something else."""

import numpy as np
import pandas as pd
import pytest

from orchestrator_platform.learning.monitoring.asking import evidence_in
from orchestrator_platform.learning.monitoring.watching import Watched, rows_to_score, watch
from orchestrator_platform.records.monitors import Measure, MonitorLimits, MonitorOptions, MonitorRow

WATCHED = Watched(
    features={"vendor": "category", "size": "number", "text": "text"},
    time="seen_at",
    target="late",
    positive=("yes",),
    trained_from=pd.Timestamp("2024-05-01").to_pydatetime(),
    trained_until=pd.Timestamp("2024-05-31 23:59").to_pydatetime(),
)
OPTIONS = MonitorOptions(model="models.late", reference_days=10, min_rows=100)


def population(start: str, days: int, seed: int, per_day: int = 30) -> pd.DataFrame:
    """Examples of so many days; `p` is the probability by which each has its label."""
    random, n = np.random.default_rng(seed), days * per_day
    p = random.beta(0.6, 1.2, n)
    return pd.DataFrame(
        {
            "seen_at": pd.Timestamp(start) + pd.to_timedelta(np.repeat(np.arange(days), per_day), unit="D"),
            "vendor": random.choice(["acme", "bolt", "cord"], n),
            "size": random.normal(size=n),
            "text": random.choice(["late in a port", "lost on a road", "held by customs"], n),
            "p": p,
            "late": np.where(random.random(n) < p, "yes", "no").astype(object),
        }
    )


TRAINED_ON, REFERENCE = population("2024-05-01", 31, 1), population("2024-06-01", 10, 2)


def measured(*more: pd.DataFrame, options: MonitorOptions = OPTIONS) -> tuple[MonitorRow, ...]:
    examples = pd.concat([TRAINED_ON, REFERENCE, *more], ignore_index=True)
    scores = rows_to_score(examples, WATCHED)["p"].to_numpy()
    return watch(examples, scores, WATCHED, options)


def failed(rows: tuple[MonitorRow, ...]) -> set[tuple[str, str]]:
    return {(row.measure.value, row.feature) for row in rows if row.passed is False}


def triggers(rows: tuple[MonitorRow, ...]) -> list[str]:
    return [each.trigger for each in evidence_in(rows)]


def later(days: int = 20, seed: int = 3) -> pd.DataFrame:
    return population("2024-06-11", days, seed)


@pytest.mark.parametrize("seed", range(3, 9))
def test_a_month_like_those_before_is_within_every_bound_and_asks_nothing(seed: int) -> None:
    rows = measured(later(seed=seed))
    assert (failed(rows), triggers(rows)) == (set(), [])
    assert {row.measure for row in rows} == set(Measure)
    assert all(row.passed for row in rows)


def test_what_is_estimated_without_labels_is_what_labels_then_say() -> None:
    found = {row.measure: row for row in measured(later())}
    assert found[Measure.ESTIMATED].value == pytest.approx(found[Measure.REALISED].value, abs=0.03)
    unlabelled = {row.measure: row for row in measured(later().assign(late=None))}
    assert unlabelled[Measure.ESTIMATED].value == found[Measure.ESTIMATED].value
    assert Measure.REALISED not in unlabelled


def test_what_moved_is_named_the_furthest_first() -> None:
    rows = measured(later().assign(vendor="evil", size=lambda frame: frame["size"] + 0.8))
    assert failed(rows) == {("input_drift", "vendor"), ("input_drift", "size")}
    (evidence,) = evidence_in(rows)
    assert (evidence.trigger, list(evidence.details["moved"])) == ("drift", ["vendor", "size"])
    assert "vendor" in evidence.says
    assert evidence.measured > evidence.limit


def test_words_that_were_never_seen_and_scores_that_moved_are_drift_too() -> None:
    rows = measured(later().assign(text="stolen by night", p=lambda frame: frame["p"] ** 4))
    assert {("input_drift", "text"), ("score_drift", "(model)")} <= failed(rows)


def test_labels_that_mean_something_else_are_seen_by_labels_only() -> None:
    swapped = later().assign(late=lambda frame: frame["late"].map({"yes": "no", "no": "yes"}))
    rows = measured(swapped)
    assert failed(rows) == {("realised_roc_auc", "(model)")}
    (evidence,) = evidence_in(rows)
    assert (evidence.trigger, evidence.details["how"], evidence.measured > 0.3) == ("decay", "realised", True)


def test_scores_that_lost_their_confidence_are_a_decay_before_any_label_comes() -> None:
    unsure = later().assign(late=None, p=lambda frame: 0.3 + 0.1 * frame["p"])
    rows = measured(unsure)
    assert ("estimated_roc_auc", "(model)") in failed(rows)
    assert {"drift", "decay"} <= set(triggers(rows))


def test_labels_and_age_are_counted_in_the_time_of_the_examples() -> None:
    rows = measured(population("2024-06-11", 80, 4))
    assert triggers(rows) == ["new_labels", "age"]
    by_measure = {row.measure: row for row in rows if row.month == "2024-08"}
    assert by_measure[Measure.LABELS].value == 2400
    assert by_measure[Measure.AGE].value == pytest.approx(89, abs=1.1)
    assert {row.month for row in rows} == {"2024-06", "2024-07", "2024-08"}


def test_days_that_come_one_by_one_are_judged_once_they_are_enough() -> None:
    moved = later(12).assign(size=lambda frame: frame["size"] + 1.5)
    asked = []
    for day in range(1, 13):
        rows = measured(moved[moved["seen_at"] < pd.Timestamp("2024-06-11") + pd.Timedelta(days=day)])
        asked.append("drift" in triggers(rows))
    assert asked == sorted(asked)
    assert (asked[0], asked[-1]) == (False, True)


def test_a_few_rows_are_measured_and_not_judged() -> None:
    few = population("2024-07-01", 2, 5).assign(vendor="evil")
    rows = [row for row in measured(few) if row.month == "2024-07" and row.measure is Measure.INPUT_DRIFT]
    assert {row.passed for row in rows} == {None}
    assert max(row.value for row in rows) > 1


def test_chance_raises_the_bound_of_a_small_month() -> None:
    (small,) = (
        row for row in measured(population("2024-07-01", 4, 5)) if (row.month, row.feature) == ("2024-07", "text")
    )
    assert small.bound is not None
    assert small.bound > 0.25


def test_limits_can_be_switched_off_and_features_left_out() -> None:
    off = MonitorLimits(drift=None, decay=None, labels=None, age_days=None)
    rows = measured(
        population("2024-06-11", 80, 4).assign(vendor="evil"), options=OPTIONS.model_copy(update={"limits": off})
    )
    assert {row.passed for row in rows} == {None}
    assert evidence_in(rows) == ()
    ignoring = measured(later().assign(vendor="evil"), options=OPTIONS.model_copy(update={"ignore": ("ven*",)}))
    assert "vendor" not in {row.feature for row in ignoring}


def test_what_was_asked_of_an_earlier_month_is_not_asked_of_the_newest() -> None:
    rows = measured(later().assign(vendor="evil"), population("2024-07-01", 8, 6))
    assert ("input_drift", "vendor") in failed(rows)
    assert "drift" not in triggers(rows)


def test_a_model_that_nothing_came_after_has_no_measures() -> None:
    assert watch(TRAINED_ON, np.zeros(0), WATCHED, OPTIONS) == ()
    assert evidence_in(()) == ()
