"""Searches parameters within a budget. A search that was killed goes on where it stood, and ends as if it had not been.

Two trials go on at once. What a trial suggests depends on the seed and on those trials before it that did not go on
beside it, never on the process that asks, nor on how many cores there are.
"""

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

from ...errors import ExamplesUnusable
from ...records.base import sha256_of
from ...records.models import LOSSES, ModelOptions
from ..estimators import Estimator, Parameters
from ..side_by_side import Begun, SideBySide

if TYPE_CHECKING:
    import optuna

_BEFORE_PRUNING = 4
# The same on every machine: it decides what a trial knows.
_AT_ONCE = 2
# Raised where equal declarations are searched in another way; trials kept by the way before are then not gone on with.
_WAY = 2


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

    Raises:
        ExamplesUnusable: No trial has a value.
    """
    kept = _open_study(study, sha256_of([_WAY, identity]), options)
    began = clock()
    finished = _finished(kept)
    begun: deque[tuple[_Suggested, Begun[_Measured]]] = deque()
    with SideBySide() as beside:
        while True:
            while len(begun) < _AT_ONCE and (number := len(finished) + len(begun)) < options.budget.trials:
                if clock() - began > options.budget.minutes * 60 and any(trial.value is not None for trial in finished):
                    break
                suggested = _suggest(_known(kept, number), options, estimator, number)
                begun.append((suggested, beside.begin(partial(_measure, suggested, measuring))))
            if not begun:
                break
            suggested, measuring_it = begun.popleft()
            kept.add_trial(_made(suggested, measuring_it.result()))
            finished = _finished(kept)
            say(_progress(finished, options))
    if len(finished) < options.budget.trials:
        say(f"the minutes of the budget are over after {len(finished)} trials")
    if all(trial.value is None for trial in finished):
        raise ExamplesUnusable(
            model=options.name,
            problem=f"no parameters gave a number as {options.metric} on every fold",
            fix="Look at what the estimator answers.",
        )
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
    return optuna.create_study(
        storage=storage, study_name=identity, direction=_direction(options), load_if_exists=True
    )  # fmt: skip


def _drop_half_a_line(file: Path) -> None:
    """A process that was killed while it wrote leaves half a line; what was whole before it stands."""
    if file.exists() and not (content := file.read_bytes()).endswith(b"\n"):
        file.write_bytes(content[: content.rfind(b"\n") + 1])


def _direction(options: ModelOptions) -> "Literal['minimize', 'maximize']":
    return "minimize" if options.metric in LOSSES else "maximize"


@dataclass(frozen=True, eq=False)
class _Suggested:
    trial: "optuna.Trial"
    parameters: dict[str, Any]


@dataclass(frozen=True)
class _Measured:
    """Values on those folds that were looked at, and whether the trial was given up after the last of them."""

    folds: list[float]
    given_up: bool


def _known(kept: "optuna.Study", number: int) -> "list[optuna.trial.FrozenTrial]":
    """The trials that the one of this number may know: of those that go on beside it, none."""
    return kept.get_trials(deepcopy=False)[: max(number - _AT_ONCE + 1, 0)]


def _suggest(
    known: "Sequence[optuna.trial.FrozenTrial]", options: ModelOptions, estimator: Estimator, number: int
) -> _Suggested:
    import optuna

    # Sampler and study are made anew for each trial, so that a process that goes on suggests what the first would have.
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=(options.seed * 1_000_003 + number) % 2**32, n_startup_trials=6),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_BEFORE_PRUNING),
        direction=_direction(options),
    )
    study.add_trials(known)
    trial = study.ask()
    return _Suggested(trial, dict(estimator.suggest(trial)))


def _measure(suggested: _Suggested, measuring: Measuring) -> _Measured:
    values: list[float] = []
    for place in range(measuring.n_folds):
        values.append(measuring.measure(suggested.parameters, place))
        suggested.trial.report(fmean(values), place)
        if place + 1 < measuring.n_folds and suggested.trial.should_prune():
            return _Measured(values, given_up=True)
    return _Measured(values, given_up=not all(map(math.isfinite, values)))


def _made(suggested: _Suggested, measured: _Measured) -> "optuna.trial.FrozenTrial":
    from optuna.trial import TrialState, create_trial

    means = [fmean(measured.folds[: place + 1]) for place in range(len(measured.folds))]
    return create_trial(
        state=TrialState.PRUNED if measured.given_up else TrialState.COMPLETE,
        value=None if measured.given_up else means[-1],
        params=suggested.trial.params,
        distributions=suggested.trial.distributions,
        user_attrs={"parameters": suggested.parameters, "folds": measured.folds},
        intermediate_values=dict(enumerate(means)),
    )


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
