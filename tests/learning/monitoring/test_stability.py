from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_platform.learning.monitoring.stability import Shift, chi_squared, kind_of, reference_of

RANDOM = np.random.default_rng(7)


def compare_columns(reference: "pd.Series[Any]", current: "pd.Series[Any]", kind: str) -> Shift:
    return reference_of(reference, kind).compare(current)


def shift(reference: object, current: object, kind: str) -> float:
    return compare_columns(pd.Series(reference), pd.Series(current), kind).value


def test_two_halves_of_one_population_stay_within_the_noise_nearly_always() -> None:
    exceeded = 0
    for _ in range(300):
        found = compare_columns(pd.Series(RANDOM.normal(size=600)), pd.Series(RANDOM.normal(size=300)), "number")
        exceeded += found.value > found.noise
    assert exceeded <= 3


def test_the_noise_is_as_large_as_chance_really_is() -> None:
    values = [
        compare_columns(pd.Series(RANDOM.normal(size=500)), pd.Series(RANDOM.normal(size=500)), "number")
        for _ in range(300)
    ]
    # The mean of the index is (bins - 1) (1/n + 1/m); the noise is its distribution's end, not a multiple of it.
    assert np.mean([each.value for each in values]) == pytest.approx(9 * (2 / 500), rel=0.15)
    assert values[0].noise < 3.5 * 9 * (2 / 500)


@pytest.mark.parametrize(
    ("kind", "reference", "current"),
    [
        ("number", RANDOM.normal(size=2000), RANDOM.normal(1, size=2000)),
        ("number", RANDOM.normal(size=2000), np.where(RANDOM.random(2000) < 0.4, np.nan, RANDOM.normal(size=2000))),
        ("number", np.zeros(2000), np.r_[np.zeros(1000), np.ones(1000)]),
        ("category", ["a", "b"] * 1000, ["a", "c"] * 1000),
        ("category", ["a", "b"] * 1000, ["a", None] * 1000),
        ("category", [["a", "b"]] * 2000, [["a"]] * 2000),
        ("text", ["sql injection in a form"] * 2000, ["buffer overflow in a driver"] * 2000),
        ("text", ["sql injection in a form"] * 2000, ["sql injection in a form", None] * 1000),
        ("category", [True, False] * 1000, [True] * 2000),
    ],
)
def test_a_population_that_moved_is_far_beyond_the_noise(kind: str, reference: object, current: object) -> None:
    found = compare_columns(pd.Series(reference), pd.Series(current), kind)
    assert found.value > max(2 * found.noise, 0.2)


@given(st.lists(st.one_of(st.none(), st.text(max_size=5), st.floats(), st.booleans()), max_size=30))
@settings(max_examples=25, deadline=None)
def test_nothing_moves_against_itself_and_the_index_is_never_negative_nor_infinite(values: list[object]) -> None:
    column = pd.Series(values, dtype=object)
    for kind in ("number", "category", "text"):
        same, other = compare_columns(column, column, kind), compare_columns(column, column[:3], kind)
        assert same.value == pytest.approx(0, abs=1e-12)
        assert 0 <= other.value < np.inf


def test_a_value_that_is_called_as_a_bin_of_ours_is_no_missing_one() -> None:
    assert shift(["null", "other"] * 500, [None, "x"] * 500, "category") > 1


def test_categories_beyond_the_frequent_ones_are_one() -> None:
    reference = [f"vendor {number}" for number in range(500)] * 4
    assert shift(reference, [f"new {number}" for number in range(2000)], "category") < 0.1


def test_what_a_column_holds_is_seen_where_nobody_said() -> None:
    assert [kind_of(pd.Series(values)) for values in ([1, 2], [1.5], ["a"], [True])] == [
        "number", "number", "category", "category",
    ]  # fmt: skip


@pytest.mark.parametrize(("degrees", "level", "quantile"), [(9, 0.999, 27.877), (1, 0.95, 3.841), (50, 0.999, 86.661)])
def test_chi_squared_is_as_tables_say(degrees: int, level: float, quantile: float) -> None:
    assert chi_squared(degrees, level) == pytest.approx(quantile, rel=0.03)
