"""Words that weigh, and two lists that become one, against the plain way of working them out."""

import math

import numpy as np
import pytest

from orchestrator_platform.learning.fusion import Ranked, fuse_ranked, reciprocal_ranks, weighted_scores
from orchestrator_platform.learning.lexical import K1, B, text_scores, word_weights


def test_weights_are_those_of_the_formula_and_a_text_has_the_sum_of_its_words() -> None:
    texts = ["a b b", "b c", "c c c c"]
    average = 9 / 3
    postings = [("a", 0, 1), ("b", 0, 2), ("b", 1, 1), ("c", 1, 1), ("c", 2, 4)]
    df = np.array([1, 2, 2, 2, 2])
    tf = np.array([count for _, _, count in postings])
    lengths = np.array([len(texts[text].split()) for _, text, _ in postings])
    weights = word_weights(df, tf, lengths, 3, average)

    def weight(n: int, f: int, length: int) -> float:
        rarity = math.log(1 + (3 - n + 0.5) / (n + 0.5))
        return rarity * f * (K1 + 1) / (f + K1 * (1 - B + B * length / average))

    assert weights.tolist() == pytest.approx(
        [weight(1, 1, 3), weight(2, 2, 3), weight(2, 1, 2), weight(2, 1, 2), weight(2, 4, 4)]
    )
    numbers = np.array([text for _, text, _ in postings], dtype=np.int32)
    scores = text_scores(3, numbers, weights, [(0, 1), (1, 3)])  # the words a and b
    assert scores.tolist() == pytest.approx([weights[0] + weights[1], weights[2], 0])


def test_fused_ranks_and_scores_put_first_what_both_find() -> None:
    first, second = np.array([2, 0]), np.array([2, 1])
    ranks = reciprocal_ranks([first, second], 4)
    assert ranks.tolist() == pytest.approx([1 / 62, 1 / 62, 2 / 61, 0])
    scores = [np.array([0.2, 0, 0.6, 0], dtype=np.float32), np.array([0, 3, 9, 0], dtype=np.float32)]
    fused = weighted_scores(scores, [first, second], (0.25, 0.75), 4)
    assert fused.tolist() == pytest.approx([0, 0, 1, 0])
    alone = weighted_scores(scores, [first[:1], second[:0]], (0.25, 0.75), 4)
    assert alone.tolist() == pytest.approx([0, 0, 0.25, 0])


def test_two_ways_share_what_they_found_and_one_alone_keeps_its_scores() -> None:
    by_vector = Ranked(["a", "b", "c"], np.array([1, 0.75, 0.5], dtype=np.float32))
    by_text = Ranked(["b", "d"], np.array([6, 2], dtype=np.float32))
    assert fuse_ranked(by_vector, by_text, 3) == [("b", 0.75), ("a", 0.5), ("c", 0.0)]
    assert fuse_ranked(by_vector, by_text, 9)[3:] == [("d", 0.0)]
    assert fuse_ranked(None, by_text, 1) == [("b", 6.0)]
    assert fuse_ranked(None, None, 1) == []
