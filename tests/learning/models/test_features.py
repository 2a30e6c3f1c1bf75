import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from orchestrator_platform.learning.models.blending import Blend, DenseBlock
from orchestrator_platform.learning.models.calibrating import align, correct, fit_slope
from orchestrator_platform.learning.models.near_duplicates import near_duplicates
from orchestrator_platform.learning.models.numbers import KnownNumbers
from orchestrator_platform.learning.models.rates import SmoothedRates
from orchestrator_platform.learning.models.thresholds import best_threshold
from orchestrator_platform.learning.models.words import Tokens, WordWeights

TEXTS = pd.DataFrame(
    {"title": ["Überlauf im Kern", None, "a heap overflow"] * 3, "more": ["x y", "overflow überall", None] * 3}
)


def test_word_weights_are_the_tf_idf_that_scikit_learn_computes() -> None:
    ours = WordWeights(least=1).fit_transform(TEXTS)
    joined = [" ".join(str(part) if isinstance(part, str) else "" for part in row) for row in TEXTS.to_numpy()]
    theirs = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit_transform(joined)
    assert np.allclose(ours.toarray(), theirs.toarray(), atol=1e-6)


@pytest.mark.parametrize("transformer", [WordWeights(least=1), Tokens(lists=("more",), least=1)])
def test_a_vocabulary_that_was_packed_gives_the_same_numbers(transformer: WordWeights | Tokens) -> None:
    fitted = transformer.fit(TEXTS)
    from orchestrator_platform.learning.models.artefact import pack_model, unpack_model

    again = unpack_model(pack_model(fitted))
    assert again.terms() == fitted.terms()
    assert np.array_equal(again.transform(TEXTS).toarray(), fitted.transform(TEXTS).toarray())


def test_tokens_tell_equal_values_of_different_columns_apart_and_split_lists() -> None:
    frame = pd.DataFrame({"maker": ["Big Co", "Big Co", None], "tags": ["a b", "b", None]})
    tokens = Tokens(lists=("tags",), least=1, weight=1.0).fit(frame)
    assert tokens.terms() == ["maker=", "maker=Big_Co", "tags=", "tags=a", "tags=b"]
    assert tokens.transform(frame).toarray().tolist() == [[0, 1, 0, 1, 1], [0, 1, 0, 0, 1], [1, 0, 1, 0, 0]]


def test_a_value_never_seen_before_is_nothing() -> None:
    tokens = Tokens(least=1).fit(pd.DataFrame({"maker": ["a", "b"]}))
    assert tokens.transform(pd.DataFrame({"maker": ["c"]})).nnz == 0


def test_a_group_never_seen_has_the_usual_odds_and_one_seen_often_its_own() -> None:
    frame = pd.DataFrame({"n": [100, 100, 0], "hits": [90, 10, 0]})
    rates = SmoothedRates({"hits": "n"}, strength=5).fit(frame)
    odds = rates.transform(frame)[:, 0]
    assert odds[2] == pytest.approx(0)
    assert odds[0] == pytest.approx(np.log((90 + 2.5) / (10 + 2.5)), abs=1e-3)
    assert odds[1] == pytest.approx(-odds[0], abs=1e-3)


def test_missing_numbers_take_the_middle_and_say_so() -> None:
    frame = pd.DataFrame({"score": [1.0, None, 3.0, np.inf], "empty": [None] * 4})
    known = KnownNumbers().fit(frame)
    assert known.transform(frame).tolist() == [[1, 0, 0, 1], [2, 0, 1, 1], [3, 0, 0, 1], [2, 0, 1, 1]]


def test_a_blend_is_the_weighted_geometric_mean_of_its_members() -> None:
    random = np.random.default_rng(1)
    matrix, y = random.normal(size=(80, 3)), random.integers(0, 2, 80)
    first, second = LogisticRegression(C=10.0), DenseBlock(LogisticRegression(), 1)
    blend = Blend([first, second], [3.0, 1.0]).fit(csr_matrix(matrix), y)
    a, b = (
        first.fit(matrix, y).predict_proba(matrix),
        LogisticRegression().fit(matrix[:, :1], y).predict_proba(matrix[:, :1]),
    )
    expected = a**0.75 * b**0.25
    assert np.allclose(blend.predict_proba(matrix), expected / expected.sum(axis=1, keepdims=True))


def test_a_member_without_weight_is_not_fitted() -> None:
    blend = Blend([LogisticRegression(), "no classifier"], [1.0, 0.0]).fit(np.eye(4), [0, 1, 0, 1])
    assert len(blend.members_) == 1


def test_a_class_never_seen_has_the_least_probability() -> None:
    aligned = align(np.asarray([[0.25, 0.75]]), (0, 2), 3)
    assert aligned[0].tolist() == pytest.approx([0.25, 1e-6, 0.75], abs=1e-5)


def test_a_correction_of_what_is_right_changes_next_to_nothing() -> None:
    random = np.random.default_rng(2)
    right = random.dirichlet([1, 1, 1], 5_000)
    truth = (right.cumsum(axis=1) < random.random((5_000, 1))).sum(axis=1)
    slope = fit_slope(right, truth)
    assert slope == pytest.approx(1, abs=0.1)
    assert np.abs(correct(right, slope) - right).max() < 0.05


def test_a_correction_of_few_examples_is_drawn_towards_none() -> None:
    sure = np.asarray([[0.999, 0.001]] * 3)
    assert fit_slope(sure, np.asarray([1, 1, 1])) > 0.3
    assert fit_slope(np.empty((0, 2)), np.empty(0, dtype=np.int64)) == 1


def test_the_threshold_gives_the_best_f1_of_all_there_are() -> None:
    random = np.random.default_rng(3)
    score = np.round(random.random(200), 2)
    positive = random.random(200) < score**2

    def f1(line: float) -> float:
        called = score >= line
        return 2 * (called & positive).sum() / (called.sum() + positive.sum())

    assert f1(best_threshold(score, positive)) == pytest.approx(max(f1(line) for line in np.unique(score)))
    assert best_threshold(score, np.zeros(200, dtype=bool)) == 0.5


def test_near_duplicates_are_named_with_what_they_are_like() -> None:
    trained = ["a buffer overflow in the parser of one product allows remote attackers to run code", "nothing alike"]
    tested = [trained[0] + " anywhere", "an entirely different text about buffer things", "", "nothing alike"]
    found = near_duplicates(trained, tested, alike=0.8)
    assert [(one.tested, one.trained) for one in found] == [(0, 0), (3, 1)]


def test_a_text_that_shares_its_only_common_word_is_no_near_duplicate() -> None:
    assert near_duplicates(["overflow"], ["overflow of an unheard of kind in many words"]) == ()


def test_no_texts_are_alike_nothing() -> None:
    assert near_duplicates(["", " "], [""]) == ()
