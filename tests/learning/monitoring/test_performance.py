import numpy as np
import pytest

from orchestrator_platform.learning.monitoring.performance import estimated_roc_auc, noise_of_difference, roc_auc

RANDOM = np.random.default_rng(3)


def by_pairs(scores: np.ndarray, weights: np.ndarray) -> float:
    """ROC AUC of rows that are positive by these weights, pair by pair."""
    right = pairs = 0.0
    for i, p in enumerate(weights):
        for j, q in enumerate(weights):
            if i != j:
                weight = p * (1 - q)
                pairs += weight
                right += weight * ((scores[i] > scores[j]) + 0.5 * (scores[i] == scores[j]))
    return right / pairs


def test_both_are_as_pairs_give_them() -> None:
    scores = np.round(RANDOM.random(60), 1)
    labels = RANDOM.random(60) < scores
    assert estimated_roc_auc(scores) == pytest.approx(by_pairs(scores, scores), abs=1e-12)
    assert roc_auc(scores, labels) == pytest.approx(by_pairs(scores, labels.astype(float)), abs=1e-12)


def test_calibrated_probabilities_promise_what_labels_then_say() -> None:
    for shape in ((0.5, 3), (2, 2), (0.3, 0.3)):
        scores = RANDOM.beta(*shape, size=8000)
        labels = RANDOM.random(8000) < scores
        assert estimated_roc_auc(scores) == pytest.approx(roc_auc(scores, labels), abs=0.015)


def test_confidence_that_is_not_earned_is_promised_and_not_realised() -> None:
    scores = RANDOM.beta(0.3, 0.3, size=4000)
    labels = RANDOM.random(4000) < 0.5
    assert estimated_roc_auc(scores) > 0.85
    assert roc_auc(scores, labels) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("scores", [[], [0.0, 0.0], [1.0]])
def test_scores_that_promise_nothing_have_no_figure(scores: list[float]) -> None:
    assert np.isnan(estimated_roc_auc(np.asarray(scores)))


def test_one_kind_of_label_has_no_figure() -> None:
    assert np.isnan(roc_auc(np.asarray([0.1, 0.9]), np.asarray([True, True])))


def test_the_noise_of_a_difference_is_what_resamples_differ_by() -> None:
    def draw() -> float:
        labels = RANDOM.random(600) < 0.3
        return roc_auc(RANDOM.normal(labels.astype(float)), labels)

    differences = np.abs([draw() - draw() for _ in range(300)])
    noise = noise_of_difference(0.76, (180, 420), 0.76, (180, 420))
    assert (differences > noise).mean() <= 0.01
    assert np.quantile(differences, 0.99) == pytest.approx(noise, rel=0.35)
