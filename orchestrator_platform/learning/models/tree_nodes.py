"""Looks at the nodes of gradient boosting's trees: scikit-learn follows their numbers without looking."""

from collections.abc import Iterator
from typing import Any

_MOST_DEEP = 60


def wrong_trees(estimator: Any) -> tuple[str, ...]:
    """Returns what is wrong with the trees of an estimator and of all that it holds; nothing of them is run."""
    return tuple(dict.fromkeys(problem for tree, width in _trees(estimator, None, 0) for problem in _look(tree, width)))


def _trees(one: Any, width: int | None, depth: int) -> Iterator[tuple[Any, int | None]]:
    if depth > _MOST_DEEP:
        return
    if type(one).__name__ == "TreePredictor":
        yield one, width
    elif isinstance(one, dict):
        for value in one.values():
            yield from _trees(value, width, depth + 1)
    elif isinstance(one, list | tuple | set):
        for value in one:
            yield from _trees(value, width, depth + 1)
    elif hasattr(one, "get_params") and hasattr(one, "__dict__"):
        state = vars(one)
        yield from _trees(dict(state), state.get("n_features_in_", width), depth + 1)


def _look(tree: Any, width: int | None) -> Iterator[str]:
    import numpy as np

    nodes = getattr(tree, "nodes", None)
    if not isinstance(nodes, np.ndarray) or nodes.ndim != 1 or not len(nodes) or nodes.dtype.names is None:
        yield "a tree without nodes"
        return
    inner = nodes[nodes["is_leaf"] == 0]
    places = np.flatnonzero(nodes["is_leaf"] == 0)
    for side in ("left", "right"):
        children = inner[side].astype(np.int64)
        if ((children <= places) | (children >= len(nodes))).any():
            yield f"a tree whose branch to the {side} leaves it or turns back"
    features = inner["feature_idx"].astype(np.int64)
    if width is None or (features < 0).any() or (features >= width).any():
        yield "a tree that asks for a column that is not there"
    categorical = inner[inner["is_categorical"] != 0]
    sets = getattr(tree, "raw_left_cat_bitsets", None)
    n_sets = len(sets) if isinstance(sets, np.ndarray) else 0
    if len(categorical) and (categorical["bitset_idx"].astype(np.int64) >= n_sets).any():
        yield "a tree that asks for a set of categories that is not there"
