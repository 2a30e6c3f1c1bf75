import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_examples import CLASSES, SMALL, declare_model, make_examples

from orchestrator_platform.errors import ExamplesUnusable
from orchestrator_platform.learning.estimators import Estimator
from orchestrator_platform.learning.models.artefact import predict, unpack_model
from orchestrator_platform.learning.models.train import Trained, train
from orchestrator_platform.learning.resampling import Scored, metric_value

TESTS = Path(__file__).resolve().parents[2]


def learn(examples, options=None, estimator=SMALL, **given) -> Trained:  # type: ignore[no-untyped-def]
    quiet = {"say": lambda _: None, "clock": lambda: 0.0}
    return train(examples, options or declare_model(), estimator, **{**quiet, **given})


def test_a_model_tells_classes_apart_that_its_features_tell_apart() -> None:
    trained = learn(make_examples())
    assert trained.metrics["roc_auc"] > 0.75
    assert trained.metrics["n"] + trained.n_examples == 400
    assert len(trained.search) == 6
    assert trained.trained_until < make_examples()["seen_at"].max()


def test_features_that_tell_nothing_give_a_model_that_knows_nothing() -> None:
    trained = learn(make_examples(told=0.0, n=800))
    assert 0.35 < trained.metrics["roc_auc"] < 0.65


def test_the_same_examples_and_seed_give_the_same_bytes_in_another_process_on_any_number_of_cores() -> None:
    code = (
        "import hashlib, os, sys; sys.path.insert(0, sys.argv[1])\n"
        "cores = sorted(os.sched_getaffinity(0))[: int(sys.argv[2])] if hasattr(os, 'sched_getaffinity') else ()\n"
        "cores and os.sched_setaffinity(0, cores)\n"
        "from made_examples import SMALL, declare_model, make_examples\n"
        "from orchestrator_platform.learning.models.train import train\n"
        "trained = train(make_examples(), declare_model(), SMALL, say=lambda _: None, clock=lambda: 0.0)\n"
        "print(hashlib.sha256(trained.artefact).hexdigest(), trained.thresholds, list(trained.search))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code, str(TESTS), n_cores],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, n_cores in (("1", "1"), ("2", "2"))
    }
    assert len(seen) == 1


def test_the_order_in_which_examples_come_makes_no_difference() -> None:
    examples = make_examples()
    mixed = examples.sample(frac=1.0, random_state=5).reset_index(drop=True)
    assert learn(examples).artefact == learn(mixed).artefact


def test_given_parameters_are_fitted_without_a_search_to_the_same_bytes() -> None:
    searched = learn(make_examples())
    again = learn(make_examples(), parameters=searched.parameters)
    assert again.artefact == searched.artefact
    assert again.thresholds == searched.thresholds
    assert again.search == []


def test_without_the_holdouts_rows_the_same_model_comes_out_and_nothing_is_measured() -> None:
    options, examples = declare_model(holdout={"since": "2024-05-16"}), make_examples()
    searched = learn(examples, options)
    before = examples[examples["seen_at"] < "2024-05-16"]
    again = learn(before, options, parameters=searched.parameters)
    assert again.artefact == searched.artefact
    assert again.metrics == {}


def test_labels_of_the_holdout_change_nothing_but_its_metrics() -> None:
    examples, options = make_examples(), declare_model(holdout={"since": "2024-05-16"})
    swapped = examples.copy()
    later = swapped["seen_at"] >= "2024-05-16"
    swapped.loc[later, "kind"] = np.where(swapped.loc[later, "kind"] == "none", "poc", "none")
    honest, other = learn(examples, options), learn(swapped, options)
    assert honest.artefact == other.artefact
    assert honest.thresholds == other.thresholds
    assert other.metrics["roc_auc"] < 0.5 < honest.metrics["roc_auc"]


class _Killed(Exception):
    pass


@pytest.mark.parametrize("n_asked", [2, 3, 4, 6])
def test_a_search_that_was_killed_goes_on_and_ends_as_if_it_had_not_been(tmp_path: Path, n_asked: int) -> None:
    asked: list[int] = []

    def die(trial):  # type: ignore[no-untyped-def]
        asked.append(trial.number)
        if len(asked) == n_asked:
            raise _Killed
        return SMALL.suggest(trial)

    file = tmp_path / "studies" / "kinds.log"
    dying = Estimator(build=SMALL.build, suggest=die, prepare=SMALL.prepare)
    with pytest.raises(_Killed):
        learn(make_examples(), estimator=dying, study=file)
    with file.open("ab") as half:
        half.write(b'{"op_code": 8, "trial_')
    counted: list[int] = []

    def count(trial):  # type: ignore[no-untyped-def]
        counted.append(trial.number)
        return SMALL.suggest(trial)

    counting = Estimator(build=SMALL.build, suggest=count, prepare=SMALL.prepare)
    resumed = learn(make_examples(), estimator=counting, study=file)
    assert len(counted) == 6 - max(n_asked - 2, 0), "of the two trials that went on, none was kept"
    assert resumed == learn(make_examples())


def test_an_error_of_an_estimator_is_its_own_and_leaves_no_process_behind() -> None:
    class Broken(Exception):
        def __init__(self, *, c: float) -> None:
            super().__init__(f"not with {c > 0}")

    def build(parameters, seed):  # type: ignore[no-untyped-def]
        raise Broken(c=parameters["c"])

    with pytest.raises(Broken, match="not with True"):
        learn(make_examples(), estimator=Estimator(build=build, suggest=SMALL.suggest, prepare=SMALL.prepare))
    assert multiprocessing.active_children() == []


def test_a_search_in_which_nothing_can_be_measured_ends_and_says_so() -> None:
    from sklearn.linear_model import LogisticRegression

    class NoNumber(LogisticRegression):  # type: ignore[misc]
        def predict_proba(self, matrix):  # type: ignore[no-untyped-def]
            return super().predict_proba(matrix) * np.nan

    estimator = Estimator(build=lambda given, _: NoNumber(C=given["c"]), suggest=SMALL.suggest, prepare=SMALL.prepare)
    with pytest.raises(ExamplesUnusable, match="no parameters gave a number as log_loss"):
        learn(make_examples(), declare_model(metric="log_loss"), estimator)


def test_a_kept_search_of_other_examples_is_not_gone_on_with(tmp_path: Path) -> None:
    learn(make_examples(), study=tmp_path / "search.log")
    other = learn(make_examples(seed=4), study=tmp_path / "search.log")
    assert other == learn(make_examples(seed=4))


def test_a_search_ends_when_its_minutes_are_over() -> None:
    seconds = iter(range(0, 10_000, 45))
    trained = learn(
        make_examples(), declare_model(budget={"trials": 50, "minutes": 2}), clock=lambda: float(next(seconds))
    )
    assert len(trained.search) == 2


def test_texts_are_prepared_once_for_each_fold_and_once_for_the_model(tmp_path: Path) -> None:
    prepared = tmp_path / "prepared"

    def prepare():  # type: ignore[no-untyped-def]
        with prepared.open("a") as lines:
            lines.write(f"{os.getpid()}\n")
        assert SMALL.prepare is not None
        return SMALL.prepare()

    learn(make_examples(), estimator=Estimator(build=SMALL.build, suggest=SMALL.suggest, prepare=prepare))
    assert len(prepared.read_text().splitlines()) == 3 + 1


def test_a_class_that_a_fold_has_not_seen_breaks_nothing_and_is_told() -> None:
    examples = make_examples()
    examples["kind"] = examples["kind"].astype(str).replace("active", "poc")
    late = examples.index[examples["seen_at"] >= "2024-05-15"][3]
    examples.loc[late, "kind"] = "active"
    said: list[str] = []
    trained = learn(examples, say=said.append)
    probabilities = predict(unpack_model(trained.artefact), examples[["text", "maker", "number"]])
    assert probabilities.shape == (400, 3)
    assert np.allclose(probabilities.sum(axis=1), 1.0)
    assert any("learns nothing of active" in line for line in said)


def test_examples_of_one_class_are_refused_with_the_reason() -> None:
    examples = make_examples().assign(kind="none")
    with pytest.raises(ExamplesUnusable, match="nothing can be measured on any fold"):
        learn(examples)


def test_a_label_that_is_no_class_is_refused_by_name() -> None:
    with pytest.raises(ExamplesUnusable, match="'exotic'"):
        learn(make_examples().assign(kind="exotic"))


def test_examples_without_a_label_are_not_learned_from() -> None:
    examples = make_examples()
    examples.loc[examples.index[:30], "kind"] = None
    trained = learn(examples)
    assert trained.n_examples + trained.metrics["n"] == 370


def test_probabilities_are_calibrated_though_the_estimator_is_far_too_sure() -> None:
    from sklearn.linear_model import LogisticRegression

    class TooSure(LogisticRegression):  # type: ignore[misc]
        def predict_proba(self, matrix):  # type: ignore[no-untyped-def]
            raised = super().predict_proba(matrix) ** 6
            return raised / raised.sum(axis=1, keepdims=True)

    examples = make_examples(n=1500)
    options = declare_model(allowed_types=())
    from orchestrator_platform.learning.models import fitting
    from orchestrator_platform.learning.models.calibrating import correct, fit_slope
    from orchestrator_platform.learning.models.time_split import folds_of, split_by_time

    estimator = Estimator(build=lambda given, _: TooSure(C=given["c"]), suggest=suggest_nothing, prepare=SMALL.prepare)
    part = split_by_time(examples, options).train
    folds = [fitting.prepare_fold(part, fold, options, estimator) for fold in folds_of(part, options)]
    raw, truth = fitting.later_probabilities(folds[:2], {"c": 1.0}, options, estimator)
    slope = fit_slope(raw, truth)
    later, later_truth = fitting.later_probabilities(folds[2:], {"c": 1.0}, options, estimator)
    positive = fitting.positives_of(options)
    before = metric_value("calibration_error", Scored(later_truth, later, positive))
    after = metric_value("calibration_error", Scored(later_truth, correct(later, slope), positive))
    assert slope < 0.5
    assert after < before / 2


def suggest_nothing(_: object) -> dict[str, float]:
    return {"c": 1.0}


def test_a_model_answers_with_all_declared_classes_in_order() -> None:
    model = unpack_model(learn(make_examples()).artefact)
    assert list(model.classes_) == list(CLASSES)
    assert set(model.predict(make_examples()[["text", "maker", "number"]])) <= set(CLASSES)
