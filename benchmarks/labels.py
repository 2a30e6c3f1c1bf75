"""The labels of the shipped pipeline as examples to learn from, with the models as the project declares them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from orchestrator_platform.records.models import ModelOptions

from .running import PROJECT

EXAMPLES = "features.vulnerability"
MODELS = PROJECT / "orchestrator_platform" / "defs" / "models"
ESTIMATOR = MODELS / "estimator.py"
# Words of a component that are none of a model's options.
_OF_THE_ASSET = ("asset", "description")


def declared_models(**changed: Any) -> tuple[ModelOptions, ...]:
    """Returns the models that the project declares, with some of their options changed."""
    return tuple(ModelOptions.model_validate({**said, **changed}) for said in _attributes(MODELS / "defs.yaml"))


def _attributes(file: Path) -> Iterator[dict[str, Any]]:
    for component in yaml.safe_load_all(file.read_text(encoding="utf-8")):
        yield {name: value for name, value in component["attributes"].items() if name not in _OF_THE_ASSET}
