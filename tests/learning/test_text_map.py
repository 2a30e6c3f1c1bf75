"""Texts seen from outside: a plane of them, and the nearest to one."""

import numpy as np
import numpy.typing as npt
import pytest

from orchestrator_platform.learning.text_map import map_texts, nearest_others


def unit(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def made(n: int = 600, dim: int = 40, seed: int = 3) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return unit(rng.normal(size=(n, dim)) * np.linspace(2, 0.1, dim) + 0.3)


def test_the_plane_shows_as_much_of_the_variance_as_a_full_decomposition_does() -> None:
    vectors = made()
    spread = np.linalg.eigvalsh(np.cov(vectors.T, bias=True))
    drawn = map_texts(vectors)
    assert drawn.explained == pytest.approx(spread[-2:].sum() / spread.sum(), rel=1e-3)
    assert drawn.places.var(axis=0) == pytest.approx(spread[:-3:-1], rel=1e-3)
    assert drawn.places.shape == (600, 2)
    assert drawn.places.dtype == np.float32


def test_groups_of_near_texts_lie_apart() -> None:
    rng = np.random.default_rng(5)
    centres = np.eye(3, 16)
    vectors = unit(np.concatenate([centre + rng.normal(size=(50, 16)) * 0.05 for centre in centres]))
    places = map_texts(vectors).places.reshape(3, 50, 2)
    widest = max(np.linalg.norm(group - group.mean(axis=0), axis=1).max() for group in places)
    middles = places.mean(axis=1)
    nearest = min(np.linalg.norm(middles[i] - middles[j]) for i, j in ((0, 1), (0, 2), (1, 2)))
    assert nearest > 3 * widest


def test_a_map_does_not_turn_over_when_rows_come_in_another_order() -> None:
    vectors = made()
    turned = np.random.default_rng(1).permutation(len(vectors))
    assert np.allclose(map_texts(vectors).places[turned], map_texts(vectors[turned]).places, atol=1e-3)


@pytest.mark.parametrize("shape", [(0, 8), (1, 8), (2, 8), (5, 1), (5, 2), (3, 400)])
def test_few_or_narrow_vectors_have_places_too(shape: tuple[int, int]) -> None:
    drawn = map_texts(np.random.default_rng(0).normal(size=shape).astype(np.float32))
    assert drawn.places.shape == (shape[0], 2)
    assert np.isfinite(drawn.places).all()
    assert 0 <= drawn.explained <= 1


def test_equal_vectors_lie_in_one_place() -> None:
    drawn = map_texts(np.repeat(made(1), 10, axis=0))
    assert np.abs(drawn.places).max() < 1e-3


def test_the_nearest_others_are_of_other_texts_best_first() -> None:
    vectors = unit(np.array([[1, 0], [1, 0], [0.9, 0.1], [0, 1], [0.5, 0.5]]))
    texts = np.array([7, 7, 8, 9, 10], dtype=np.uint64)
    found = nearest_others(vectors, texts, 0, 2)
    assert [row for row, _ in found] == [2, 4]
    assert [cosine for _, cosine in found] == pytest.approx(vectors[[2, 4]] @ vectors[0])
    assert len(nearest_others(vectors, texts, 0, 9)) == 3
    assert nearest_others(vectors[:1], texts[:1], 0, 3) == []
