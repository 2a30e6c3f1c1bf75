"""The shipped estimator fits the models that are declared with it."""

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import orchestrator_platform
from orchestrator_platform.learning.estimator_files import load_estimator
from orchestrator_platform.learning.models.artefact import pack_model, unpack_model
from orchestrator_platform.records.models import ModelOptions

MODELS = Path(orchestrator_platform.__file__).parent / "defs" / "models"


def declared() -> list[ModelOptions]:
    components = yaml.safe_load_all((MODELS / "defs.yaml").read_text(encoding="utf-8"))
    said = [one["attributes"] for one in components]
    return [
        ModelOptions.model_validate({k: v for k, v in one.items() if k not in ("asset", "description")}) for one in said
    ]


def made_up(options: ModelOptions, n: int = 90) -> pd.DataFrame:
    random = np.random.default_rng(5)
    words = {
        name: pd.Series(random.choice(["one two", "three", "four five six", None], n), dtype="str")
        for name in (*options.features.text, *options.features.category)
    }
    parts = ("_poc", "_active", "_yes", "_total")
    numbers = {name: random.integers(0, 9, n) + (0 if name.endswith(parts) else 9) for name in options.features.number}
    return pd.DataFrame({**words, **numbers, "cvss_score": np.where(random.random(n) < 0.3, np.nan, random.random(n))})


class Lowest:
    """A trial that answers with the lowest of what it is asked for."""

    def suggest_float(self, name: str, low: float, high: float, **_: Any) -> float:
        assert low < high
        return low

    suggest_int = suggest_float


@pytest.mark.parametrize("options", declared(), ids=lambda options: options.name)
def test_the_estimator_reads_the_declared_columns_and_no_others(options: ModelOptions) -> None:
    module = runpy.run_path(str(MODELS / "estimator.py"))
    reads = {*module["TEXTS"], *module["CATEGORIES"], *module["NUMBERS"], *module["COUNTS"]}
    assert reads == set(options.features.names)


def test_it_fits_weighs_and_is_packed_with_allowed_types_only() -> None:
    options = declared()[0]
    estimator = load_estimator(MODELS / "estimator.py", "vulnerability")
    assert estimator.prepare is not None
    assert estimator.weigh is not None
    frame, truth = made_up(options), np.arange(90) % 3
    matrix = estimator.prepare().fit_transform(frame)
    parameters = estimator.suggest(Lowest())  # type: ignore[arg-type]
    days = np.asarray(["2024-05-01"] * 60 + ["2024-05-02"] * 10 + ["2024-05-03"] * 20, dtype="datetime64[D]")
    weights = estimator.weigh(parameters, days)
    assert weights[:60].sum() == pytest.approx(2 * 20)
    assert set(weights[60:]) == {1.0}
    classifier = estimator.build(parameters, 7).fit(matrix, truth, sample_weight=weights)
    again = unpack_model(pack_model(classifier))
    assert np.array_equal(again.predict_proba(matrix), classifier.predict_proba(matrix))


def test_trees_are_given_numbers_history_common_tokens_and_common_words() -> None:
    options = declared()[0]
    estimator = load_estimator(MODELS / "estimator.py", "vulnerability")
    assert estimator.prepare is not None
    many = pd.Series([" ".join(f"word{place + n}" for n in range(260)) for place in range(90)], dtype="str")
    preparation = estimator.prepare().fit(made_up(options).assign(description=many))
    names = list(preparation.output_indices_)
    assert names[:5] == ["history", "numbers", "letters", "common", "common_words"]
    block = estimator.build(estimator.suggest(Lowest()), 7).members[1]  # type: ignore[arg-type]
    last, common, words = (preparation.output_indices_[name] for name in ("letters", "common", "common_words"))
    assert block.n_columns - last.stop == 60 + 200
    assert (common.start, words.start) == (last.stop, common.stop)
    assert words.stop - words.start == 200


class Highest(Lowest):
    """A trial that answers with the highest."""

    def suggest_float(self, name: str, low: float, high: float, **_: Any) -> float:
        assert low < high
        return high

    suggest_int = suggest_float


@pytest.mark.parametrize("trial", [Lowest(), Highest()])
def test_no_search_can_leave_out_a_member(trial: Lowest) -> None:
    estimator = load_estimator(MODELS / "estimator.py", "vulnerability")
    assert 0.4 <= estimator.suggest(trial)["trees"] <= 0.6  # type: ignore[arg-type]
