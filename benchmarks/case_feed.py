"""A month of the feed from files to marts, then the same again, then one more file."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .feeds import Feed, open_feed
from .plain_feed import PlainProject, prepare_plain
from .reporting import Report, Row
from .running import Run, Setting, interleave, python, ratios, run_child, spread

NAME = "feed"
_FULL, _AGAIN, _ONE_FILE = 0.35, 0.03, 0.10


def measure(setting: Setting) -> Report:
    """Each round is one process of ours, from an empty home, and one command of the plain way, from an empty file."""
    feed = open_feed(setting.feed, setting.scratch, quick=setting.quick)
    setting.say(f"{feed.name}; one more file holds {feed.n_next} records")
    plain = prepare_plain(setting.scratch / "plain", feed)
    _warm(setting, feed)
    ours, theirs = interleave(
        setting.repeats, lambda i: _carry(setting, feed, i, ["full"]), plain.materialize, say=setting.say
    )
    steps = [_carry(setting, feed, 100 + i, ["full", "again", "one file"]).said for i in range(setting.repeats)]
    return Report(
        NAME, (_full_row(ours, theirs), *_step_rows(steps)), _notes(setting, feed, plain, ours, theirs, steps)
    )


def _carry(setting: Setting, feed: Feed, number: int, wanted: Sequence[str]) -> Run:
    catalogue = [str(file) for file in feed.catalogue]
    steps: dict[str, dict[str, Any]] = {
        "full": {"land": [["vulnrichment", [str(feed.month)]], ["kev", catalogue]], "build": True},
        "again": {"land": [["vulnrichment", []], ["kev", []]], "build": True},
        "one file": {"land": [["vulnrichment", [str(feed.next_file)]]], "build": True},
    }
    home, script = setting.scratch / f"home-{number}", setting.scratch / f"steps-{number}.json"
    script.write_text(json.dumps([{"name": name, **steps[name]} for name in wanted]), encoding="utf-8")
    _give_parsed_project(setting.scratch, home)
    return run_child(python("-m", "benchmarks.children.carry_feed", str(home), str(script)))


def _warm(setting: Setting, feed: Feed) -> None:
    """Compiles bytecode, and has the dbt project parsed and rehearsed once: the plain way's manifest is there
    beforehand as well.
    """
    _carry(setting, feed, 999, ["again"])


def _give_parsed_project(scratch: Path, home: Path) -> None:
    import shutil

    parsed = scratch / "home-999" / "cache"
    if parsed.is_dir() and not home.exists():
        shutil.copytree(parsed, home / "cache")


def _full_row(ours: Sequence[Run], theirs: Sequence[Run]) -> Row:
    measured = ratios([run.seconds for run in ours], [run.seconds for run in theirs])
    return Row(
        "a month, from files to marts",
        spread([run.seconds for run in ours]).show(" s"),
        spread([run.seconds for run in theirs]).show(" s"),
        measured.show("×"),
        f"≤ {_FULL}×",
        measured.median <= _FULL,
    )


def _step_rows(steps: Sequence[Mapping[str, Any]]) -> tuple[Row, ...]:
    taken = {name: [_step(said, name)["seconds"] for said in steps] for name in ("full", "again", "one file")}
    written = max(_step(said, "again")["bytes_written"] for said in steps)
    changed = max(_step(said, "again")["files_changed"] for said in steps)
    again, one_file = (ratios(taken[name], taken["full"]) for name in ("again", "one file"))
    full = spread(taken["full"]).show(" s")
    return (
        Row(
            "nothing changed, again",
            spread(taken["again"]).show(" s"),
            f"the month: {full}",
            again.times(100).show(" %", 1),
            f"≤ {_AGAIN:.0%}",
            again.median <= _AGAIN,
        ),
        Row("…what it writes", f"{changed} files, {written} bytes", "", f"{written} bytes", "0 bytes", not changed),
        Row(
            "one more file, 1 % of the rows",
            spread(taken["one file"]).show(" s"),
            f"the month: {full}",
            one_file.times(100).show(" %", 1),
            f"≤ {_ONE_FILE:.0%}",
            one_file.median <= _ONE_FILE,
        ),
    )


def _step(said: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(step for step in said["steps"] if step["name"] == name)
    return found


def _notes(
    setting: Setting,
    feed: Feed,
    plain: PlainProject,
    ours: Sequence[Run],
    theirs: Sequence[Run],
    steps: Sequence[Mapping[str, Any]],
) -> tuple[str, ...]:
    built, counted = _step(ours[-1].said, "full")["inserted"], plain.count_rows(setting.repeats - 1)
    differing = {name: (n, counted.get(name)) for name, n in built.items() if counted.get(name) != n}
    same = f"both ways built {len(built)} tables with the same numbers of rows"
    cpu = ratios([run.cpu_seconds for run in ours], [run.cpu_seconds for run in theirs])
    return (
        f"{feed.name}; {setting.rounds}.",
        f"Numbers of rows that differ: {differing}." if differing else f"{same}.",
        f"Processor time: {cpu.show('×')}. Largest process: {_peak(ours)} against {_peak(theirs)}.",
        *(f"Where “{name}” goes: {_phases(_step(steps[-1], name))}." for name in ("full", "again", "one file")),
    )


def _peak(runs: Sequence[Run]) -> str:
    return f"{max(run.peak_bytes for run in runs) / 1024**3:.2f} GB"


def _phases(step: Mapping[str, Any]) -> str:
    ordered = sorted(step["phases"].items(), key=lambda item: -item[1])
    return f"{step['seconds']:.2f} s" + "".join(f", {name} {seconds:.2f}" for name, seconds in ordered)
