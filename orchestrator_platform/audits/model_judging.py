"""The process that judges a model: it loads the artefact with nothing of its trainer's, and measures it anew.

Run as `python -m orchestrator_platform.audits.model_judging FOLDER`. No code of the project is loaded here: an artefact
that needs any is refused before anything of it is built.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UntrustedModel
from ..learning.fresh_process import answer_task
from ..learning.labelled_examples import naming_infinities, read_examples
from ..records.findings import Severity
from ..records.models import ModelOptions
from . import model_names as names
from . import model_probes as probes
from . import model_quality as quality
from .model_evidence import Evidence, Judged

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

_TWICE = 1e-9

Answer = Callable[["pd.DataFrame"], "npt.NDArray[np.float64]"]
_Judge = Callable[[Evidence], Iterator[Judged]]


def judge_task(folder: Path, task: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """Judges the candidate, or compares its answers with those of other artefacts, as the task says."""
    options = ModelOptions.model_validate(task["options"])
    match task["what"]:
        case names.COMPARE:
            judged = _compare(folder, options, say)
        case what:
            judged = _judge(folder, options, task, say, _judges(options) if what == names.JUDGE else _CHAMPION_ALONE)
    if task["what"] == names.ONLY_CHAMPION:
        judged = [result for result in judged if result.check == names.CHAMPION or not result.passed]
    return {"judged": [result.as_json() for result in judged]}


def _judge(
    folder: Path,
    options: ModelOptions,
    task: dict[str, Any],
    say: Callable[[str], None],
    judges: Sequence[tuple[str, _Judge]],
) -> Sequence[Judged]:
    model, results = _load(folder / names.CANDIDATE_FILE, options)
    if model is None:
        return results
    train, holdout = read_examples(folder / names.TRAIN_FILE), read_examples(folder / names.HOLDOUT_FILE)
    answers, loads = _answer(model, holdout, options)
    results.append(loads)
    if answers is None:
        return results
    np.save(folder / names.ANSWERS_FILE, answers)
    seen = Evidence(options, model, train, holdout, answers)
    if task["champion_until"]:
        champion = partial(_answer_of, folder / names.CHAMPION_FILE, options)
        seen = replace(seen, champion=champion, champion_until=task["champion_until"])
    for name, judge in judges:
        say(f"judging {name.replace('_', ' ')}")
        results += judge(seen)
    return results


def _judges(options: ModelOptions) -> Sequence[tuple[str, _Judge]]:
    return (
        (names.BASELINE, quality.judge_baseline),
        ("floors", quality.judge_floors),
        ("slices", quality.judge_slices),
        (names.CHAMPION, quality.judge_champion),
        (names.CALIBRATION, quality.judge_calibration),
        (names.ONE_FEATURE, probes.judge_one_feature),
        *([(names.NEAR_DUPLICATES, probes.judge_near_duplicates)] if options.features.text else []),
        (names.MISSING, probes.judge_missing),
        (names.LATENCY, probes.judge_latency),
    )


_CHAMPION_ALONE: Sequence[tuple[str, _Judge]] = ((names.CHAMPION, quality.judge_champion),)


def _load(file: Path, options: ModelOptions) -> tuple[Answer | None, list[Judged]]:
    try:
        model = _opened(file, options)
    except UntrustedModel as error:
        return None, [Judged(names.TYPES, False, str(error), n_failing=1)]
    except Exception as error:  # noqa: BLE001  # whatever an artefact does is a finding
        said = f"it cannot be loaded: {type(error).__name__}: {error}"[:1_000]
        return None, [Judged(names.TYPES, True, "every type is allowed"), Judged(names.LOADS, False, said, n_failing=1)]
    return model, [Judged(names.TYPES, True, "every type in it is allowed")]


def _opened(file: Path, options: ModelOptions) -> Answer:
    from ..learning.models.artefact import predict, unpack_model

    model = unpack_model(file.read_bytes(), options.allowed_types)
    return lambda examples: predict(model, examples[list(options.features.names)])


def _answer_of(file: Path, options: ModelOptions, examples: "pd.DataFrame") -> "npt.NDArray[np.float64]":
    """Opened where it is asked: what is wrong with the champion is for a person, and no fault of the candidate."""
    return _opened(file, options)(examples)


def _answer(
    model: Answer, holdout: "pd.DataFrame", options: ModelOptions
) -> "tuple[npt.NDArray[np.float64] | None, Judged]":
    try:
        with naming_infinities(holdout, options.features.names):
            answers = model(holdout)
    except Exception as error:  # noqa: BLE001  # whatever an artefact does is a finding
        return None, Judged(
            names.LOADS, False, f"it does not answer: {type(error).__name__}: {error}"[:1_000], n_failing=1
        )
    if not probes.is_probability(answers, len(holdout), len(options.classes)):
        said = "its answers are no probabilities: not one row for each example, out of range, or not summing to one"
        return None, Judged(names.LOADS, False, said, n_failing=1)
    return answers, Judged(names.LOADS, True, f"loaded in a fresh process, and answered {len(holdout)} examples")


def _compare(folder: Path, options: ModelOptions, say: Callable[[str], None]) -> Sequence[Judged]:
    """Compares what another process answered with what this one does, and with what a model trained anew does."""
    holdout = read_examples(folder / names.HOLDOUT_FILE)
    say("judging whether it answers the same again")
    model = _opened(folder / names.CANDIDATE_FILE, options)
    first = np.load(folder / names.ANSWERS_FILE) if (folder / names.ANSWERS_FILE).is_file() else model(holdout)
    furthest = float(np.abs(model(holdout) - first).max(initial=0))
    same = furthest <= _TWICE
    said = "the answers of two processes are the same" if same else f"answers to the same rows differ by {furthest:.3g}"
    results = [Judged(names.DETERMINISTIC, same, said, Severity.ERROR, furthest, _TWICE, int(not same))]
    anew = _opened(folder / names.TRAINED_ANEW_FILE, options)(holdout)
    return [*results, judge_trained_anew(options, holdout, first, anew)]


def judge_trained_anew(
    options: ModelOptions,
    holdout: "pd.DataFrame",
    answers: "npt.NDArray[np.float64]",
    anew: "npt.NDArray[np.float64]",
) -> Judged:
    """Returns whether the artefact answers as one does that was trained on the declared part of the examples, and on
    nothing else. One that has seen the holdout, other labels or fewer examples answers otherwise.
    """
    furthest = np.abs(answers - anew).max(axis=1, initial=0)
    n_other = int((furthest > names.SAME_ANSWER).sum())
    said = f"trained anew on the declared examples it answers the same, within {furthest.max(initial=0):.2g}"
    seen = Evidence(options, None, holdout, holdout, answers)
    if n_other:
        before, after = (float(seen.scored_as(each).log_losses.mean()) for each in (answers, anew))
        said = (
            f"trained anew on the declared examples it answers {n_other} of {len(holdout)} otherwise, by up to"
            f" {furthest.max():.3f}: it was trained on other examples or labels, or does not keep to its seed"
            f" (log loss {before:.3f}, anew {after:.3f})"
        )
    sample = seen.keys_of(holdout[furthest > names.SAME_ANSWER])
    worst = round(float(furthest.max(initial=0)), 6)
    return Judged(
        names.TRAINED_AS_DECLARED, not n_other, said, Severity.ERROR, worst, names.SAME_ANSWER, n_other, sample
    )


if __name__ == "__main__":
    answer_task(judge_task)
