"""Exact search and its measures, against the definitions and against the plain way."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_platform.learning.retrieval_metrics import (
    Block,
    bootstrap_interval,
    judge_answers,
    nearest,
    share_of_near_duplicates,
)


def block(ids: list[int], vectors: np.ndarray) -> Block:
    return Block(np.array(ids, dtype=np.uint64), vectors.astype(np.float32), np.array(ids, dtype=np.uint64))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 7), st.integers(1, 12))
def test_search_in_blocks_is_search_in_everything(seed: int, n_rows: int, n_blocks: int, k: int) -> None:
    random = np.random.default_rng(seed)
    ids = random.integers(1, 20, size=n_rows)  # pieces of one text share an id
    vectors, queries = random.standard_normal((n_rows, 4)), random.standard_normal((3, 4)).astype(np.float32)
    cuts = np.array_split(np.arange(n_rows), n_blocks)
    found = nearest((block(ids[cut].tolist(), vectors[cut]) for cut in cuts), queries, k)
    scores = queries @ vectors.astype(np.float32).T
    for row, answer in zip(scores, found, strict=True):
        best = {int(i): max(row[ids == i]) for i in ids}
        wanted = sorted(best, key=lambda i: -best[i])[:k]
        assert answer.tolist() == wanted + [0] * (k - len(wanted))


def test_rows_that_are_not_numbers_are_never_found() -> None:
    vectors = np.array([[math.nan, 0.0], [0.0, 1.0]])
    assert nearest([block([1, 2], vectors)], np.array([[1.0, 0.0]], dtype=np.float32), 2).tolist() == [[2, 0]]


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


def test_only_other_texts_count_as_near_duplicates() -> None:
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    same_text = Block(np.array([1, 2, 3], np.uint64), vectors.astype(np.float32), np.array([5, 5, 6], np.uint64))
    other_text = Block(same_text.ids, same_text.vectors, np.array([5, 6, 7], np.uint64))
    assert share_of_near_duplicates([same_text], same_text, 0.99) == 0
    assert share_of_near_duplicates([other_text], other_text, 0.99) == pytest.approx(2 / 3)
