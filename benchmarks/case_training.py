"""The three models trained: texts prepared once for each fold and two trials at once, against the same search with a
refit for each trial, one after the other.
"""

from collections.abc import Sequence
from pathlib import Path

from orchestrator_platform.defs.sample_feed import write_sample_feed

from .feeds import QUICK_RECORDS, RECORDS
from .labels import declared_models
from .reporting import Report, Row
from .running import GIGABYTE, Run, Setting, interleave, python, ratios, run_child, spread

NAME = "training"
_QUICK_TRIALS = 4
_MOST_SECONDS, _MOST_MEMORY, _LEAST_FASTER = 180.0, 3 * GIGABYTE, 2.0


def measure(setting: Setting) -> Report:
    """Each round of each way is one process that trains all three; its clock starts with the libraries loaded."""
    trials = _QUICK_TRIALS if setting.quick else declared_models()[0].budget.trials
    examples, n_rows, name = _make_examples(setting)
    ours, plain = interleave(
        setting.repeats,
        lambda _: _train("once", examples, trials),
        lambda _: _train("anew", examples, trials),
        say=setting.say,
    )
    found = {str(run.said["values"]) for run in (*ours, *plain)}
    assert len(found) == 1, "both ways try the same parameters and must measure the same"
    notes = (f"{name}; {n_rows:,} labelled examples; {trials} trials for each model; {setting.rounds}.",)
    return Report(NAME, _rows(ours, plain, trials), notes)


def _make_examples(setting: Setting) -> tuple[Path, int, str]:
    if setting.feed is not None:
        folder, name = setting.feed / "vulnrichment", "the real feed, all of it"
    else:
        n_records = QUICK_RECORDS if setting.quick else RECORDS
        folder = write_sample_feed(setting.scratch / "feed", seed=11, n_records=n_records, days=24).vulnrichment
        name = f"a generated feed of {n_records:,} records in 24 days"
    examples = setting.scratch / "examples.parquet"
    command = ("-m", "benchmarks.children.make_examples", str(setting.scratch / "home"), str(folder), str(examples))
    setting.say("lands the feed and builds the features")
    return examples, int(run_child(python(*command)).said["n_rows"]), name


def _train(way: str, examples: Path, trials: int) -> Run:
    return run_child(python("-m", "benchmarks.children.train_models", way, str(examples), str(trials)))


def _rows(ours: Sequence[Run], plain: Sequence[Run], trials: int) -> tuple[Row, ...]:
    seconds, theirs = ([run.said["seconds"] for run in runs] for runs in (ours, plain))
    took, faster, peak = spread(seconds), ratios(theirs, seconds), max(run.peak_bytes for run in ours)
    shown = f"{peak / GIGABYTE:.2f} GB"
    return (
        Row(
            f"three models, {trials} trials each",
            took.show(" s", 0),
            spread(theirs).show(" s", 0),
            f"{faster.show('×', 1)} as fast",
            f"≥ {_LEAST_FASTER:.0f}×",
            faster.median >= _LEAST_FASTER,
        ),
        Row("…seconds", took.show(" s", 0), "", took.show(" s", 0), "≤ 180 s", took.median <= _MOST_SECONDS),
        Row("…largest memory of one of two processes", shown, "", shown, "≤ 3 GB", peak <= _MOST_MEMORY),
    )
