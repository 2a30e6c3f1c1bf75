"""What the page on estimators says is what happens."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
from made_examples import declare_model, make_examples

from orchestrator_platform.learning.estimators import Estimator
from orchestrator_platform.learning.models.artefact import unpack_model
from orchestrator_platform.learning.models.train import train

PAGE = Path(__file__).resolve().parents[3] / "docs" / "estimators.md"


def examples_of_the_page() -> pd.DataFrame:
    made = make_examples()
    tags = np.where(made["text"].str.contains("alarm"), "loud old", "old")
    return made.assign(price=made["number"], title=made["text"], tags=pd.Series(tags, dtype="str"))


def test_the_estimator_of_the_page_trains_and_its_artefact_needs_no_other_type() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    said: dict[str, object] = {}
    exec(blocks[0], said)  # noqa: S102  # the page's own code
    estimator = said["returned"]
    assert isinstance(estimator, Estimator)
    features = {"text": ["title", "text"], "category": ["maker", "tags"], "number": ["price"]}
    options = declare_model(features=features, budget={"trials": 2, "minutes": 5})
    trained = train(examples_of_the_page(), options, estimator, say=lambda _: None, clock=lambda: 0.0)
    assert trained.metrics["roc_auc"] > 0.75
    unpack_model(trained.artefact)


def test_the_parts_that_the_page_names_are_allowed_and_there() -> None:
    text = PAGE.read_text(encoding="utf-8")
    from orchestrator_platform.learning.models.allowed_types import ALLOWED_TYPES

    named = re.findall(r"`((?:words|rates|numbers|blending)\.[A-Z]\w+)`", text)
    assert len(named) == 6
    assert {f"orchestrator_platform.learning.models.{name}" for name in named} <= ALLOWED_TYPES
