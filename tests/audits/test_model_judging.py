"""What the judging process finds in models that something is wrong with: nothing in one that is right.

Each defect is planted into the artefact or the examples, and the check that names it must fail.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from small_models import items

from orchestrator_platform.audits import model_names as names
from orchestrator_platform.audits.model_judging import judge_task
from orchestrator_platform.learning.models.artefact import pack_model
from orchestrator_platform.records.models import Holdout, ModelOptions, Slice

OPTIONS = ModelOptions(
    name="late",
    examples="features.items",
    key=("item_id",),
    time="seen_at",
    target="late",
    classes=("no", "yes"),
    features={"category": ("vendor",), "number": ("score", "size")},
    estimator="estimator.py:late",
    holdout=Holdout(days=10),
    floors={"roc_auc": 0.7},
    max_calibration_error=0.1,
    slices=(Slice(name="of acme", where="vendor = 'acme'", floor=0.6, min_support=20),),
    seed=7,
)
FIRST_HELD_OUT = pd.Timestamp("2024-05-31")

Results = dict[str, dict[str, Any]]
Examples = tuple[pd.DataFrame, pd.DataFrame]


@lru_cache
def examples() -> Examples:
    """The labelled examples on both sides of the split."""
    labelled = items().dropna(subset="late").reset_index(drop=True)
    before = labelled["seen_at"] < FIRST_HELD_OUT
    return labelled[before], labelled[~before]


def fitted(train: pd.DataFrame, *, features: tuple[str, ...] = ("vendor", "score", "size"), c: float = 1.0) -> Pipeline:
    numbers = [name for name in features if name != "vendor"]
    columns = ColumnTransformer(
        [("vendor", OneHotEncoder(handle_unknown="ignore"), ["vendor"]), ("numbers", SimpleImputer(), numbers)]
    )
    model = make_pipeline(columns, LogisticRegression(C=c, max_iter=500))
    return model.fit(train[list(features)], train["late"])


def judged(
    folder: Path,
    model: Any,
    *,
    parts: Examples | None = None,
    options: ModelOptions = OPTIONS,
    champion: Any = None,
    champion_until: str = "2024-05-30T23:00:00",
    anew: Any = None,
) -> Results:
    """Returns the results by check: of the judging process, and with `anew` of the comparing one, too."""
    train, held_out = parts or examples()
    held_out = held_out.assign(**{names.CLUSTER: held_out["seen_at"].dt.day_of_year})
    for place, part in enumerate(options.slices):
        held_out[f"{names.SLICE}{place}"] = held_out.eval(part.where.replace(" = ", " == ")).to_numpy()
    train.to_parquet(folder / names.TRAIN_FILE)
    held_out.to_parquet(folder / names.HOLDOUT_FILE)
    artefacts = {names.CANDIDATE_FILE: model, names.CHAMPION_FILE: champion, names.TRAINED_ANEW_FILE: anew}
    for name, artefact in artefacts.items():
        if artefact is not None:
            (folder / name).write_bytes(artefact if isinstance(artefact, bytes) else pack_model(artefact))
    task = {"options": options.model_dump(mode="json"), "champion_until": champion_until if champion else ""}
    results = [*answered(folder, {**task, "what": names.JUDGE})]
    if anew is not None:
        results += answered(folder, {**task, "what": names.COMPARE})
    return {result["check"]: result for result in results}


def answered(folder: Path, task: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = judge_task(folder, task, lambda _: None)["judged"]
    return found


def failing(results: Results) -> set[str]:
    """What keeps the model from being published; how long an answer takes here says nothing of the model."""
    return {check for check, result in results.items() if not result["passed"] and result["severity"] != "warn"}


def test_a_model_that_is_right_passes_every_check(tmp_path: Path) -> None:
    model = fitted(examples()[0])
    results = judged(tmp_path, model, anew=fitted(examples()[0]), champion=fitted(examples()[0], c=0.1))
    assert failing(results) == set()
    expected = {names.TYPES, names.LOADS, names.BASELINE, "roc_auc", "slice_of_acme", names.CHAMPION}
    expected |= {names.CALIBRATION, names.ONE_FEATURE, names.MISSING, names.LATENCY, names.DETERMINISTIC}
    assert results.keys() == expected | {names.TRAINED_AS_DECLARED}
    assert results["roc_auc"]["measured"] > 0.75


def with_leak() -> Examples:
    """A feature that was filled in together with the label."""
    random = np.random.default_rng(1)
    train, held_out = (
        part.assign(size=(part["late"] == "yes").astype(int) * 3 + random.integers(0, 3, len(part)))
        for part in examples()
    )
    return train, held_out


def test_a_leaked_target_is_found_in_the_feature_that_holds_it(tmp_path: Path) -> None:
    parts = with_leak()
    results = judged(tmp_path, fitted(parts[0]), parts=parts, anew=fitted(parts[0]))
    assert failing(results) == {names.ONE_FEATURE}
    assert "size alone" in results[names.ONE_FEATURE]["message"]


def test_a_random_split_is_found_by_training_anew(tmp_path: Path) -> None:
    everything = pd.concat(examples())
    model = fitted(everything.sample(frac=0.8, random_state=1))
    results = judged(tmp_path, model, anew=fitted(examples()[0]))
    assert failing(results) == {names.TRAINED_AS_DECLARED}
    assert "trained on other examples or labels" in results[names.TRAINED_AS_DECLARED]["message"]
    assert results[names.TRAINED_AS_DECLARED]["sample"][0].keys() == {"item_id"}


def test_a_swapped_label_is_told_from_mere_chance(tmp_path: Path) -> None:
    train = examples()[0]
    swapped = train.assign(late=train["late"].map({"no": "yes", "yes": "no"}))
    results = judged(tmp_path, fitted(swapped), anew=fitted(train))
    assert {names.BASELINE, names.TRAINED_AS_DECLARED, "roc_auc"} <= failing(results)
    assert "with its labels swapped it would reach" in results[names.BASELINE]["message"]


def test_too_few_examples_trained_on_are_found_by_training_anew(tmp_path: Path) -> None:
    train = examples()[0]
    results = judged(tmp_path, fitted(train.tail(60)), anew=fitted(train))
    assert names.TRAINED_AS_DECLARED in failing(results)


def test_overconfidence_is_found_by_calibration_and_by_nothing_that_only_ranks(tmp_path: Path) -> None:
    train = examples()[0]
    model = fitted(train)
    model[-1].coef_ *= 8
    model[-1].intercept_ *= 8
    results = judged(tmp_path, model)
    assert names.CALIBRATION in failing(results)
    assert not {"roc_auc", "slice_of_acme"} & failing(results)


def test_a_slice_that_fails_is_named_although_the_whole_does_not(tmp_path: Path) -> None:
    parts = tuple(part.copy() for part in examples())
    random = np.random.default_rng(2)
    for part in parts:
        of_acme = part["vendor"] == "acme"
        part.loc[of_acme, "late"] = random.choice(["no", "yes"], int(of_acme.sum()))
    train, held_out = parts
    results = judged(tmp_path, fitted(train), parts=(train, held_out))
    assert "slice_of_acme" in failing(results)
    assert "roc_auc" not in failing(results)


def test_a_slice_of_too_few_examples_is_told_and_not_judged(tmp_path: Path) -> None:
    part = Slice(name="of acme", where="vendor = 'acme'", floor=0.99, min_support=5_000)
    results = judged(tmp_path, fitted(examples()[0]), options=OPTIONS.model_copy(update={"slices": (part,)}))
    assert results["slice_of_acme"]["passed"]
    assert "too few" in results["slice_of_acme"]["message"]


def test_a_model_that_answers_by_chance_is_found(tmp_path: Path) -> None:
    guessing = DummyClassifier(strategy="stratified").fit(examples()[0][["score"]], examples()[0]["late"])
    results = judged(tmp_path, guessing, anew=guessing)
    assert {names.DETERMINISTIC, names.BASELINE} <= failing(results)


def test_a_model_that_only_knows_the_shares_of_the_classes_is_no_better_than_a_dummy(tmp_path: Path) -> None:
    shares = DummyClassifier().fit(examples()[0][["score"]], examples()[0]["late"])
    results = judged(tmp_path, shares)
    assert names.BASELINE in failing(results)
    assert names.CALIBRATION not in failing(results)


def test_an_artefact_that_holds_another_type_is_refused_before_anything_is_judged(tmp_path: Path) -> None:
    class Harmful(LogisticRegression):
        pass

    Harmful.__module__, Harmful.__name__ = "os", "system"
    harmful = fitted(examples()[0])
    harmful.steps[-1] = ("last", Harmful())
    results = judged(tmp_path, harmful)
    assert results.keys() == failing(results) == {names.TYPES}
    assert "os.system" in results[names.TYPES]["message"]


@pytest.mark.parametrize("content", [b"", b"\x80\x04K\x01.", b"PK\x03\x04 no zip at all"])
def test_what_is_no_artefact_is_refused(tmp_path: Path, content: bytes) -> None:
    results = judged(tmp_path, content)
    assert failing(results) & {names.TYPES, names.LOADS}
    assert "roc_auc" not in results


def test_answers_that_are_no_probabilities_are_found(tmp_path: Path) -> None:
    three = examples()[0].assign(late=np.resize(["no", "yes", "perhaps"], len(examples()[0])))
    results = judged(tmp_path, fitted(three))
    assert failing(results) == {names.LOADS}
    assert "no probabilities" in results[names.LOADS]["message"]


def test_a_model_that_breaks_without_one_feature_is_found(tmp_path: Path) -> None:
    numbers = ColumnTransformer([("all", StandardScaler(), ["score", "size"])])
    model = make_pipeline(numbers, LogisticRegression()).fit(examples()[0], examples()[0]["late"])
    results = judged(tmp_path, model)
    assert failing(results) == {names.MISSING}
    assert "without score it breaks" in results[names.MISSING]["message"]


def test_a_champion_that_is_clearly_better_keeps_its_place(tmp_path: Path) -> None:
    train = examples()[0]
    poor = fitted(train.assign(score=np.random.default_rng(3).normal(size=len(train))))
    results = judged(tmp_path, poor, champion=fitted(train), options=OPTIONS.model_copy(update={"floors": {}}))
    assert names.CHAMPION in failing(results)
    assert results[names.CHAMPION]["severity"] == "error"


def test_noise_alone_neither_passes_nor_fails_a_candidate(tmp_path: Path) -> None:
    """What is a little worse on these examples, by less than others of their kind could tell, a person decides."""
    train = examples()[0]
    slightly_worse = fitted(train)
    slightly_worse[-1].coef_[0, :4] = 0
    options = OPTIONS.model_copy(update={"tolerance": 0.0})
    results = judged(tmp_path, slightly_worse, champion=fitted(train), options=options)
    assert not results[names.CHAMPION]["passed"]
    assert results[names.CHAMPION]["severity"] == "escalate"
    assert "within the noise" in results[names.CHAMPION]["message"]


def test_a_champion_that_has_seen_the_holdout_cannot_be_compared(tmp_path: Path) -> None:
    train = examples()[0]
    results = judged(tmp_path, fitted(train), champion=fitted(train), champion_until="2024-06-09T00:00:00")
    assert results[names.CHAMPION]["severity"] == "escalate"
    assert "too few examples are new to both" in results[names.CHAMPION]["message"]


def test_a_champion_of_other_features_is_left_to_a_person(tmp_path: Path) -> None:
    train = examples()[0].assign(colour=1.0)
    other = fitted(train, features=("vendor", "score", "colour"))
    results = judged(tmp_path, fitted(train), champion=other)
    assert results[names.CHAMPION]["severity"] == "escalate"
    assert "cannot answer these examples" in results[names.CHAMPION]["message"]


def with_copies(share: Callable[[int], int]) -> Examples:
    """Texts, of which in the holdout some are copies of what was trained on, together with its label."""
    train, held_out = (part.reset_index(drop=True) for part in examples())
    words = np.array(["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda"])
    random = np.random.default_rng(4)
    texts = [" ".join(random.choice(words, 8)) for _ in range(len(train) + len(held_out))]
    train = train.assign(title=texts[: len(train)])
    held_out = held_out.assign(title=texts[len(train) :])
    for place in range(share(len(held_out))):
        held_out.loc[place, ["title", "late"]] = train.loc[place, ["title", "late"]]
    return train, held_out


def test_texts_that_were_trained_on_are_named(tmp_path: Path) -> None:
    parts = with_copies(lambda n: n // 4)
    options = OPTIONS.model_copy(
        update={"features": OPTIONS.features.model_copy(update={"text": ("title",)}), "floors": {}, "slices": ()}
    )
    results = judged(tmp_path, fitted(parts[0]), parts=parts, options=options)
    found = results[names.NEAR_DUPLICATES]
    assert found["n_failing"] >= len(parts[1]) // 4
    assert found["sample"][0]["like"] == str(parts[0]["item_id"].iloc[0])
    assert float(found["sample"][0]["cosine"]) >= 0.9
