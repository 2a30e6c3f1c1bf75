"""The shipped models: what the components list is what the estimator takes, and nothing that comes with a label."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from orchestrator_platform.operations.component_files import ModelAttributes, read_component_files

FOLDER = Path(__file__).resolve().parents[2] / "orchestrator_platform" / "defs" / "models"


def estimator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("shipped_estimator", FOLDER / "estimator.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shipped() -> dict[str, ModelAttributes]:
    found = [component.attributes for component in read_component_files(FOLDER)]
    return {str(model.asset): model for model in found if isinstance(model, ModelAttributes)}


def test_three_models_are_shipped() -> None:
    assert shipped().keys() == {"models.exploitation", "models.automatable", "models.technical_impact"}


@pytest.mark.parametrize("asset", sorted(shipped()))
def test_a_model_is_given_exactly_the_columns_that_its_estimator_reads(asset: str) -> None:
    code, features = estimator(), shipped()[asset].features
    assert set(features.text) == set(code.TEXTS)
    assert set(features.category) == set(code.CATEGORIES)
    assert set(features.number) == {*code.NUMBERS, *code.COUNTS}


@pytest.mark.parametrize("asset", sorted(shipped()))
def test_no_label_is_a_feature(asset: str) -> None:
    labels = {model.target for model in shipped().values()} | {"label_known_at", "seen_at", "_landed_seq"}
    assert not labels & set(shipped()[asset].features.names)
