"""Exact search, against the plain way of working it out: one question in a matrix, many in blocks."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_platform.learning import nearest
from orchestrator_platform.learning.nearest import (
    Block,
    best_of_each,
    cosines,
    highest,
    nearest_ids,
    share_of_near_duplicates,
)


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0]), max_size=40), st.integers(0, 50))
def test_the_highest_are_those_of_a_whole_sort_with_equals_in_their_order(values: list[float], k: int) -> None:
    expected = sorted(range(len(values)), key=lambda place: (-values[place], place))[:k]
    assert highest(np.array(values, dtype=np.float32), k).tolist() == expected


def test_a_matrix_is_scored_in_blocks_as_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(0).standard_normal((10, 4)).astype(np.float32)
    whole = cosines(vectors, vectors[3])
    monkeypatch.setattr(nearest, "_BLOCK_ROWS", 3)
    assert cosines(vectors, vectors[3]) == pytest.approx(whole)


def test_the_best_of_each_group_is_its_highest() -> None:
    scores = np.array([0.1, 0.9, 0.4, 0.3], dtype=np.float32)
    assert best_of_each(scores, np.array([0, 2, 3])).tolist() == pytest.approx([0.9, 0.4, 0.3])
    assert best_of_each(scores, np.arange(4)).tolist() == pytest.approx(scores.tolist())


def block(ids: list[int], vectors: np.ndarray) -> Block:
    return Block(np.array(ids, dtype=np.uint64), vectors.astype(np.float32), np.array(ids, dtype=np.uint64))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 7), st.integers(1, 12))
def test_search_in_blocks_is_search_in_everything(seed: int, n_rows: int, n_blocks: int, k: int) -> None:
    random = np.random.default_rng(seed)
    ids = random.integers(1, 20, size=n_rows)  # pieces of one text share an id
    vectors, queries = random.standard_normal((n_rows, 4)), random.standard_normal((3, 4)).astype(np.float32)
    cuts = np.array_split(np.arange(n_rows), n_blocks)
    found = nearest_ids((block(ids[cut].tolist(), vectors[cut]) for cut in cuts), queries, k)
    scores = queries @ vectors.astype(np.float32).T
    for row, answer in zip(scores, found, strict=True):
        best = {int(i): max(row[ids == i]) for i in ids}
        wanted = sorted(best, key=lambda i: -best[i])[:k]
        assert answer.tolist() == wanted + [0] * (k - len(wanted))


def test_rows_that_are_not_numbers_are_never_found() -> None:
    vectors = np.array([[math.nan, 0.0], [0.0, 1.0]])
    assert nearest_ids([block([1, 2], vectors)], np.array([[1.0, 0.0]], dtype=np.float32), 2).tolist() == [[2, 0]]


def test_only_other_texts_count_as_near_duplicates() -> None:
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    same_text = Block(np.array([1, 2, 3], np.uint64), vectors.astype(np.float32), np.array([5, 5, 6], np.uint64))
    other_text = Block(same_text.ids, same_text.vectors, np.array([5, 6, 7], np.uint64))
    assert share_of_near_duplicates([same_text], same_text, 0.99) == 0
    assert share_of_near_duplicates([other_text], other_text, 0.99) == pytest.approx(2 / 3)
