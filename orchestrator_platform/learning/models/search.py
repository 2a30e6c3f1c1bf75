"""Searches parameters within a budget. A search that was killed goes on where it stood, and ends as if it had not been.

What a trial suggests depends on the seed and on the trials before it, never on the process that asks.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from ...records.models import LOSSES, ModelOptions
from ..estimators import Estimator, Parameters

if TYPE_CHECKING:
    import optuna

_BEFORE_PRUNING = 4


@dataclass(frozen=True)
class Trial:
    """Parameters that were tried. `folds` are the values on those folds that were looked at; a trial that was given up
    has no value.
    """

    number: int
    parameters: Parameters
    value: float | None
    folds: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        folds = [round(value, 6) for value in self.folds]
        value = None if self.value is None else round(self.value, 6)
        return {"number": self.number, "parameters": dict(self.parameters), "value": value, "folds": folds}


@dataclass(frozen=True)
class Measuring:
    """What a search measures by: for some parameters, the metric on the fold of a place."""

    n_folds: int
    measure: Callable[[Parameters, int], float]


def search_parameters(
    measuring: Measuring,
    options: ModelOptions,
    estimator: Estimator,
    *,
    study: Path | None,
    identity: str,
    say: Callable[[str], None],
    clock: Callable[[], float],
) -> tuple[Trial, ...]:
    """Returns all trials in order: as many as the budget has, fewer where its minutes ended before.

    Args:
        measuring: How good parameters are on a fold.
        options: Budget, metric, seed.
        estimator: What suggests parameters.
        study: A file in which trials are kept as they are made; `None` keeps them in memory.
        identity: What the search is of; trials of another identity in the same file are not its own.
        say: Progress.
        clock: Seconds.
    """
    made = _open_study(study, identity, options)
    began = clock()
    finished = _finished(made)
    while len(finished) < options.budget.trials:
        spent = clock() - began
        if spent > options.budget.minutes * 60 and any(trial.value is not None for trial in finished):
            say(f"the minutes of the budget are over after {len(finished)} trials")
            break
        _try_once(made, measuring, options, estimator, len(finished))
        finished = _finished(made)
        say(_progress(finished, options))
    return finished


def best_of(trials: Sequence[Trial], metric: str) -> Trial:
    """Returns the trial of the best value, the earliest of equals."""
    sign = 1 if metric in LOSSES else -1
    return min((trial for trial in trials if trial.value is not None), key=lambda one: (sign * _value(one), one.number))


def _value(trial: Trial) -> float:
    assert trial.value is not None
    return trial.value


def _open_study(file: Path | None, identity: str, options: ModelOptions) -> "optuna.Study":
    import optuna
    from optuna.storages import InMemoryStorage, JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage: Any = InMemoryStorage()
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        _drop_half_a_line(file)
        storage = JournalStorage(JournalFileBackend(str(file)))
    study = optuna.create_study(
        storage=storage,
        study_name=identity,
        direction="minimize" if options.metric in LOSSES else "maximize",
        load_if_exists=True,
    )
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    return study


def _drop_half_a_line(file: Path) -> None:
    """A process that was killed while it wrote leaves half a line; what was whole before it stands."""
    if file.exists() and not (content := file.read_bytes()).endswith(b"\n"):
        file.write_bytes(content[: content.rfind(b"\n") + 1])


def _try_once(
    study: "optuna.Study", measuring: Measuring, options: ModelOptions, estimator: Estimator, number: int
) -> None:
    import optuna

    # The sampler starts anew for each trial, so that a process that goes on suggests what the first would have.
    study.sampler = optuna.samplers.TPESampler(seed=(options.seed * 1_000_003 + number) % 2**32, n_startup_trials=6)
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=_BEFORE_PRUNING)
    trial = study.ask()
    parameters = dict(estimator.suggest(trial))
    trial.set_user_attr("parameters", parameters)
    values: list[float] = []
    for place in range(measuring.n_folds):
        values.append(measuring.measure(parameters, place))
        trial.report(fmean(values), place)
        trial.set_user_attr("folds", values)
        if place + 1 < measuring.n_folds and trial.should_prune():
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            return
    study.tell(trial, fmean(values) if all(map(math.isfinite, values)) else None, skip_if_finished=True)


def _finished(study: "optuna.Study") -> tuple[Trial, ...]:
    import optuna

    states = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return tuple(
        _trial(number, kept, complete=kept.state == states[0])
        for number, kept in enumerate(study.get_trials(deepcopy=False, states=states))
    )


def _trial(number: int, kept: Any, *, complete: bool) -> Trial:
    attributes: Mapping[str, Any] = kept.user_attrs
    value = float(kept.value) if complete else None
    return Trial(number, attributes["parameters"], value, tuple(attributes["folds"]))


def _progress(finished: Sequence[Trial], options: ModelOptions) -> str:
    whole = [trial for trial in finished if trial.value is not None]
    best = f", best {options.metric} {_value(best_of(whole, options.metric)):.4f}" if whole else ""
    return f"trial {len(finished)} of {options.budget.trials}{best}"
