"""Examples to learn from that are made up: words and a number that tell of the target, days in order."""

from typing import Any

import numpy as np
import pandas as pd

from orchestrator_platform.learning.estimators import Estimator
from orchestrator_platform.records.models import ModelOptions

WORDS = ("door", "window", "roof", "cellar", "garden", "stairs", "attic", "porch")
CLASSES = ("none", "poc", "active")


def make_examples(n: int = 400, *, n_days: int = 20, seed: int = 3, told: float = 2.0) -> pd.DataFrame:
    """Returns examples of `n_days` days in May 2024; `told` is how strongly the features tell of the target."""
    random = np.random.default_rng(seed)
    numbers = random.normal(size=n)
    loud = random.random(n) < 0.4
    odds = told * (numbers + 1.5 * loud) - 1.0
    draw = random.random(n)
    positive = draw < 1 / (1 + np.exp(-odds))
    target = np.where(positive, np.where(draw < 0.05, "active", "poc"), "none")
    days = pd.Timestamp("2024-05-01") + pd.to_timedelta(np.sort(random.integers(0, n_days, n)), unit="D")
    texts = [" ".join([*random.choice(WORDS, 6), *(["alarm bell"] if is_loud else [])]) for is_loud in loud]
    return pd.DataFrame(
        {
            "id": [f"x{place}" for place in range(n)],
            "seen_at": (days + pd.to_timedelta(random.integers(0, 80_000, n), unit="s")).astype("datetime64[us]"),
            "text": pd.Series(texts, dtype="str"),
            "maker": pd.Series(random.choice(["a", "b", None], n), dtype="str"),
            "number": np.where(random.random(n) < 0.1, np.nan, numbers),
            "kind": pd.Series(target, dtype="str"),
        }
    )


def declare_model(**changed: Any) -> ModelOptions:
    said: dict[str, Any] = {
        "name": "kinds",
        "examples": "features.things",
        "key": ["id"],
        "time": "seen_at",
        "target": "kind",
        "classes": CLASSES,
        "positive": CLASSES[1:],
        "features": {"text": ["text"], "category": ["maker"], "number": ["number"]},
        "estimator": "estimator.py:small",
        "holdout": {"days": 5},
        "budget": {"trials": 6, "minutes": 5},
    }
    return ModelOptions.model_validate({**said, **changed})


def prepare() -> Any:
    from sklearn.compose import ColumnTransformer

    from orchestrator_platform.learning.models.numbers import KnownNumbers
    from orchestrator_platform.learning.models.words import Tokens, WordWeights

    parts = [("number", KnownNumbers(), ["number"]), ("maker", Tokens(), ["maker"]), ("text", WordWeights(), ["text"])]
    return ColumnTransformer(parts, sparse_threshold=1.0)


def build(parameters: Any, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    from orchestrator_platform.learning.models.blending import Blend, DenseBlock

    trees = HistGradientBoostingClassifier(max_iter=6, max_leaf_nodes=5, early_stopping=False, random_state=seed)
    return Blend([LogisticRegression(C=parameters["c"], max_iter=200), DenseBlock(trees, 2)], [0.7, 0.3])


def suggest(trial: Any) -> dict[str, Any]:
    return {"c": trial.suggest_float("c", 0.01, 10.0, log=True)}


SMALL = Estimator(build=build, suggest=suggest, prepare=prepare)
