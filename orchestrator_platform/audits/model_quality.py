"""How good a model is on the examples that were held out: over chance, its floors, its slices, its champion, and
whether its probabilities mean what they say.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..learning.resampling import LOSSES, Measured, Scored, compare, measure, metric_value
from ..records.findings import Severity
from .model_evidence import Evidence, Judged, judged_against
from .model_names import BASELINE, CALIBRATION, CHAMPION, SLICE, metric_checks, slice_checks

_CHANCE, _SIMULATIONS = 0.5, 1_000


def judge_baseline(seen: Evidence) -> Iterator[Judged]:
    """The model tells apart better than chance, and its probabilities are better than the classes' shares."""
    auc = measure("roc_auc", seen.scored, seen.weights)
    trained = np.bincount(seen.truth_of(seen.train), minlength=len(seen.options.classes)) + 1.0
    shares = np.tile(trained / trained.sum(), (len(seen.holdout), 1))
    gain = compare("log_loss", seen.scored, seen.scored_as(shares), seen.weights)
    said = f"ROC AUC {auc.told}; log loss below that of the classes' shares by {gain.told}"
    failed = auc.value <= _CHANCE or gain.value <= 0
    clearly = auc.high <= _CHANCE or gain.high <= 0
    unsure = auc.low <= _CHANCE or gain.low <= 0
    if auc.high < _CHANCE:
        said += f". Worse than guessing: with its labels swapped it would reach {1 - auc.value:.3f}"
    bad = failed or unsure
    severity = Severity.ESCALATE if bad and not (clearly or failed) else Severity.ERROR
    yield Judged(BASELINE, not bad, said, severity, round(auc.value, 4), _CHANCE, int(bad))


def judge_floors(seen: Evidence) -> Iterator[Judged]:
    """Each metric that has a floor reaches it; a loss stays below its limit."""
    for check, floor in metric_checks(seen.options).items():
        name, found = check, measure(check, seen.scored, seen.weights)
        if floor is None:
            yield Judged(check, True, f"{name} {found.told}", measured=round(found.value, 4))
        elif name in LOSSES:
            turned = judged_against(check, Measured(-found.value, -found.high, -found.low), -floor, name)
            said = f"{name} {found.told}, at most {floor:.3f} asked for"
            yield Judged(check, turned.passed, said, turned.severity, round(found.value, 4), floor, turned.n_failing)
        else:
            yield judged_against(check, found, floor, name)


def judge_slices(seen: Evidence) -> Iterator[Judged]:
    """The metric reaches its floor on each slice that has enough examples."""
    metric = seen.options.metric
    for number, (check, part) in enumerate(zip(slice_checks(seen.options), seen.options.slices, strict=True)):
        inside = seen.holdout[f"{SLICE}{number}"].to_numpy(dtype=bool)
        scored = seen.scored.taken(inside)
        n, n_positive = int(inside.sum()), int(scored.is_positive.sum())
        support = f"{n} examples, {n_positive} positive"
        if n < part.min_support or n_positive in {0, n}:
            yield Judged(check, True, f"{support}: too few to judge by", limit=part.floor)
            continue
        found = judged_against(check, measure(metric, scored, seen.weights[:, inside]), part.floor, metric)
        yield replace(found, message=f"{support}: {found.message}")


def judge_champion(seen: Evidence) -> Iterator[Judged]:
    """On what neither was trained on, the metric is not below that of the model that serves by more than tolerated."""
    options = seen.options
    if seen.champion is None:
        yield Judged(CHAMPION, True, "no model serves yet", limit=-options.tolerance)
        return
    fresh = (seen.holdout[options.time] > np.datetime64(seen.champion_until)).to_numpy()
    scored = seen.scored.taken(fresh)
    if not 0 < int(scored.is_positive.sum()) < int(fresh.sum()) or int(fresh.sum()) < options.min_holdout:
        said = f"the model that serves was trained until {seen.champion_until}: too few examples are new to both"
        yield Judged(CHAMPION, False, said, Severity.ESCALATE, limit=-options.tolerance, n_failing=1)
        return
    try:
        answers = seen.champion(seen.holdout)
    except Exception as error:  # noqa: BLE001  # whatever an artefact does is a finding
        said = f"the model that serves cannot answer these examples: {type(error).__name__}: {error}"
        yield Judged(CHAMPION, False, said[:600], Severity.ESCALATE, limit=-options.tolerance, n_failing=1)
        return
    served = Scored(seen.truth_of(seen.holdout), answers, seen.positive).taken(fresh)
    gain = compare(options.metric, scored, served, seen.weights[:, fresh])
    what = f"{options.metric} {metric_value(options.metric, scored):.3f}, of the model it is compared with"
    what += f" {metric_value(options.metric, served):.3f}: better by"
    yield judged_against(CHAMPION, gain, -options.tolerance, what)


def judge_calibration(seen: Evidence) -> Iterator[Judged]:
    """The calibration error stays below its limit, or below what chance alone gives probabilities that are right;
    beyond what chance gives one such model in twenty a person decides, beyond what it hardly ever gives it is an error.

    Source: consistency resampling (Bröcker and Smith 2007): labels are drawn from the probabilities themselves.
    """
    limit, scored = seen.options.max_calibration_error, seen.scored
    found = measure("calibration_error", scored, seen.weights)
    random = np.random.default_rng(seen.options.seed)
    by_chance = [
        metric_value("calibration_error", Scored(np.int64(1) * (random.random(len(scored.score)) < scored.score),
                                                 np.stack([1 - scored.score, scored.score], axis=1),
                                                 np.array([False, True])))
        for _ in range(_SIMULATIONS)
    ]  # fmt: skip
    chance, hardly_ever = (float(share) for share in np.quantile(by_chance, [0.95, 0.998]))
    gap = float(np.mean(scored.score) - np.mean(scored.is_positive))
    said = f"{found.value:.3f} off on average ({chance:.3f} by chance alone), {gap:+.3f} over all"
    bad = found.value > max(limit, chance)
    severity = Severity.ESCALATE if bad and found.value <= max(limit, hardly_ever) else Severity.ERROR
    yield Judged(CALIBRATION, not bad, said, severity, round(found.value, 4), limit, int(bad))
