import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_examples import declare_model, make_examples

from orchestrator_platform.errors import ExamplesUnusable
from orchestrator_platform.learning.models.time_split import days_of, folds_of, split_by_time


def test_no_day_is_on_both_sides_and_the_last_days_are_held_out() -> None:
    split = split_by_time(make_examples(), declare_model(holdout={"days": 5}))
    trained, held = (days_of(part, "seen_at") for part in (split.train, split.holdout))
    assert trained.max() < held.min()
    assert len(np.unique(held)) == 5
    assert len(split.train) + len(split.holdout) == 400


def test_a_date_says_where_the_holdout_begins_even_if_nothing_is_held_out() -> None:
    split = split_by_time(make_examples(), declare_model(holdout={"since": "2030-01-01"}))
    assert (len(split.train), len(split.holdout)) == (400, 0)


def test_examples_from_before_train_since_are_left_out() -> None:
    split = split_by_time(make_examples(), declare_model(train_since="2024-05-08"))
    assert days_of(split.train, "seen_at").min() == np.datetime64("2024-05-08")


def test_a_holdout_that_takes_everything_is_refused() -> None:
    with pytest.raises(ExamplesUnusable, match="older than its holdout"):
        split_by_time(make_examples(), declare_model(holdout={"since": "2020-01-01"}))


def test_too_few_days_for_the_folds_are_refused() -> None:
    with pytest.raises(ExamplesUnusable, match="need 4 days"):
        folds_of(make_examples(n_days=3), declare_model())


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 40), min_size=4, max_size=30),
    st.integers(2, 6),
)
def test_folds_look_only_back_and_every_later_day_is_validated_once(per_day: list[int], n_folds: int) -> None:
    days = np.repeat(np.arange(len(per_day)), per_day)
    examples = pd.DataFrame({"seen_at": pd.Timestamp("2024-05-01") + pd.to_timedelta(days, unit="D")})
    options = declare_model(validation={"folds": n_folds})
    if len(per_day) <= n_folds:
        with pytest.raises(ExamplesUnusable):
            folds_of(examples, options)
        return
    folds = folds_of(examples, options)
    assert len(folds) == n_folds
    for fold in folds:
        assert len(fold.train)
        assert len(fold.valid)
        assert days[fold.train].max() < days[fold.valid].min()
        assert set(fold.train) == set(np.flatnonzero(days < days[fold.valid].min()))
    validated = np.concatenate([fold.valid for fold in folds])
    assert sorted(validated) == list(range(int(folds[0].valid.min()), len(days)))


def test_a_day_on_which_very_many_examples_came_is_no_fold_of_its_own() -> None:
    per_day = [10] * 11 + [400] + [10] * 12
    days = np.repeat(np.arange(len(per_day)), per_day)
    examples = pd.DataFrame({"seen_at": pd.Timestamp("2024-05-01") + pd.to_timedelta(days, unit="D")})
    folds = folds_of(examples, declare_model(validation={"folds": 3}))
    assert [len(np.unique(days[fold.valid])) for fold in folds] == [4, 4, 4]
