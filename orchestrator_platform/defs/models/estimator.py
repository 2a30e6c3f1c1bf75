"""How the labels are learned: words, tokens and history of a vulnerability, by logistic regression and boosted trees.

Logistic regression reads all of them; trees read numbers, history and what is common, words as well. Both count
about alike: few examples of few days cannot tell who knows more.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestrator_platform.learning.estimators import Estimator

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import optuna

TEXTS = ("title", "description")
LISTS = ("cwes", "platforms", "reference_hosts", "reference_sites", "reference_tags")
CVSS = tuple(f"cvss_{part}" for part in ("av", "ac", "at", "pr", "ui", "s", "c", "i", "a", "e"))
CATEGORIES = ("assigner", "vendor", "product", "cwe", "cvss_version", "cvss_vector", *CVSS, *LISTS)
NUMBERS = ("cvss_score", "n_products", "n_references")
LABELS = ("exploitation_poc", "exploitation_active", "automatable_yes", "technical_impact_total")
# How often each label was given to earlier examples of the same group: the part, and the total that it is of.
HISTORY = {
    f"n_by_{group}_{label}": f"n_by_{group}"
    for group in ("assigner", "vendor", "product", "cwe", "cvss_vector", "reference_site")
    for label in LABELS
}
COUNTS = (*HISTORY, *dict.fromkeys(HISTORY.values()))
# Columns for trees come first, so that they are found without knowing how many words there are.
_N_COMMON, _N_COMMON_WORDS = 60, 200
_N_FOR_TREES = len(COUNTS) + 2 * len(NUMBERS) + len(CVSS) + _N_COMMON + _N_COMMON_WORDS


def prepare() -> Any:
    """Returns the transformer of features into one sparse matrix."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder, StandardScaler

    from orchestrator_platform.learning.models.numbers import KnownNumbers
    from orchestrator_platform.learning.models.rates import SmoothedRates
    from orchestrator_platform.learning.models.words import Tokens, WordWeights

    letters = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
    return ColumnTransformer(
        [
            ("history", make_pipeline(SmoothedRates(HISTORY), StandardScaler()), list(COUNTS)),
            ("numbers", make_pipeline(KnownNumbers(), StandardScaler()), list(NUMBERS)),
            ("letters", make_pipeline(letters, StandardScaler()), list(CVSS)),
            ("common", Tokens(lists=LISTS, most=_N_COMMON), list(CATEGORIES)),
            ("common_words", WordWeights(neighbours=1, most=_N_COMMON_WORDS), list(TEXTS)),
            ("tokens", Tokens(lists=LISTS), list(CATEGORIES)),
            ("words", WordWeights(), list(TEXTS)),
        ],
        sparse_threshold=1.0,
        transformer_weights={"history": 0.1, "numbers": 0.1, "letters": 0.1, "common": 0.1, "common_words": 0.1},
    )


def build(parameters: Mapping[str, Any], seed: int) -> Any:
    """Returns the classifier of the prepared matrix."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    from orchestrator_platform.learning.models.blending import Blend, DenseBlock

    words = LogisticRegression(C=parameters["c"], max_iter=200, tol=1e-3)
    trees = HistGradientBoostingClassifier(
        learning_rate=parameters["rate"],
        max_iter=60,
        max_features=0.3,
        max_leaf_nodes=parameters["leaves"],
        min_samples_leaf=20,
        # With weights, the edge of every bin is sought on its own: many of them would take most of the time.
        max_bins=32,
        l2_regularization=5.0,
        early_stopping=False,
        random_state=seed,
    )
    share = parameters["trees"]
    return Blend([words, DenseBlock(trees, _N_FOR_TREES)], [1 - share, share])


def suggest(trial: "optuna.Trial") -> dict[str, Any]:
    """Returns parameters to try."""
    return {
        "c": trial.suggest_float("c", 0.4, 1.6, log=True),
        "trees": trial.suggest_float("trees", 0.4, 0.6, step=0.1),
        "rate": trial.suggest_float("rate", 0.06, 0.15, log=True),
        "leaves": trial.suggest_int("leaves", 6, 14, step=4),
    }


def weigh(_: Mapping[str, Any], days: "npt.NDArray[np.datetime64]") -> "npt.NDArray[np.float64]":
    """Returns what each example counts: a whole day as two usual ones at the most, since on some, old examples were
    caught up with in bulk.
    """
    import numpy as np

    place, n_of_day = np.unique(days, return_inverse=True, return_counts=True)[1:]
    return np.asarray(np.minimum(1.0, 2 * np.median(n_of_day) / n_of_day[place]), dtype=np.float64)


vulnerability = Estimator(build=build, suggest=suggest, prepare=prepare, weigh=weigh)
