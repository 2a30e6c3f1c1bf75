"""The measures of answers, against their definitions."""

import math

import numpy as np
import pytest

from orchestrator_platform.learning.retrieval_metrics import bootstrap_interval, judge_answers


@pytest.mark.parametrize(
    ("ranked", "answers", "ndcg", "recall", "mrr"),
    [
        ([7, 1, 2], {7}, 1.0, 1.0, 1.0),
        ([1, 7, 2], {7}, 1 / math.log2(3), 1.0, 0.5),
        ([1, 2, 3], {7}, 0.0, 0.0, 0.0),
        ([7, 1, 8], {7, 8}, (1 + 0.5) / (1 + 1 / math.log2(3)), 1.0, 1.0),
        ([7, 1, 2], {7, 8, 9, 10}, 1 / (1 + 1 / math.log2(3) + 0.5), 0.25, 1.0),
        ([0, 0, 0], {7}, 0.0, 0.0, 0.0),
    ],
)
def test_the_measures_are_what_they_are_defined_to_be(
    ranked: list[int], answers: set[int], ndcg: float, recall: float, mrr: float
) -> None:
    quality = judge_answers(np.array([ranked], dtype=np.uint64), [answers])
    assert quality.ndcg[0] == pytest.approx(ndcg)
    assert quality.recall[0] == pytest.approx(recall)
    assert quality.mrr[0] == pytest.approx(mrr)


def test_the_interval_holds_the_mean_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    samples = [random.normal(0.3, 1.0, size=40) for _ in range(200)]
    held = sum(low <= 0.3 <= high for low, high in map(bootstrap_interval, samples))
    assert 180 <= held <= 199


def test_the_interval_is_the_same_every_time() -> None:
    values = np.array([0.0, -1.0, 0.5, 0.25])
    assert bootstrap_interval(values) == bootstrap_interval(values)
