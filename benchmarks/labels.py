"""The labels of the shipped pipeline as examples to learn from: what the three models are declared with."""

import runpy
from collections.abc import Mapping
from typing import Any

from orchestrator_platform.records.models import ModelOptions

from .running import PROJECT

EXAMPLES = "features.vulnerability"
ESTIMATOR = PROJECT / "orchestrator_platform" / "defs" / "models" / "estimator.py"
CLASSES: Mapping[str, tuple[str, ...]] = {
    "exploitation": ("none", "poc", "active"),
    "automatable": ("no", "yes"),
    "technical_impact": ("partial", "total"),
}
# What a search is given where nobody says otherwise.
TRIALS, MINUTES = 12, 1.0


def declare(target: str, holdout: Mapping[str, Any], trials: int = TRIALS, minutes: float = MINUTES) -> ModelOptions:
    """Returns the declaration of the model of a label."""
    columns = runpy.run_path(str(ESTIMATOR))
    features = {
        "text": columns["TEXTS"],
        "category": columns["CATEGORIES"],
        "number": (*columns["NUMBERS"], *columns["COUNTS"]),
    }
    return ModelOptions.model_validate(
        {
            "name": target,
            "examples": EXAMPLES,
            "key": ["cve_id"],
            "time": "seen_at",
            "target": target,
            "classes": CLASSES[target],
            "positive": CLASSES[target][1:],
            "features": features,
            "estimator": f"{ESTIMATOR.name}:vulnerability",
            "holdout": holdout,
            "budget": {"trials": trials, "minutes": minutes},
        }
    )
