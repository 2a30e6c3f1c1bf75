"""A large table and three made of it taken back to their earlier versions, against creating each of them anew."""

import shutil
from collections.abc import Sequence

from .reporting import Report, Row
from .running import Run, Setting, interleave, python, ratios, run_child, spread

NAME = "rollback"
N_ROWS, QUICK_ROWS = 10_000_000, 1_000_000
_MOST_SECONDS, _LONGEST_LOCK = 2.0, 0.5


def measure(setting: Setting) -> Report:
    """One row in a hundred differs between the versions; clocks start with everything published and loaded."""
    n_rows = QUICK_ROWS if setting.quick else N_ROWS

    def roll_back(way: str, number: int) -> Run:
        folder = setting.scratch / f"{way}-{number}"
        run = run_child(python("-m", "benchmarks.children.roll_back", way, str(folder), str(n_rows)))
        assert run.said["n_rows"] == n_rows
        shutil.rmtree(folder)
        return run

    ours, plain = interleave(
        setting.repeats, lambda i: roll_back("ours", i), lambda i: roll_back("plain", i), say=setting.say
    )
    seconds, lock = spread(_said(ours, "seconds")), spread(_said(ours, "lock"))
    created = spread(_said(plain, "seconds")).show(" s")
    return Report(
        NAME,
        (
            Row(
                f"{n_rows:,} rows and three tables made of them, back by one version",
                seconds.show(" s"),
                created,
                ratios(_said(ours, "seconds"), _said(plain, "seconds")).show("×"),
                f"≤ {_MOST_SECONDS:g} s",
                seconds.median <= _MOST_SECONDS,
            ),
            Row(
                "…the writer's lock is held",
                lock.show(" s"),
                created,
                lock.show(" s"),
                f"≤ {_LONGEST_LOCK:g} s",
                lock.median <= _LONGEST_LOCK,
            ),
        ),
        (
            f"{setting.rounds}; 1 % of the rows differ, {ours[0].said['n_changed']:,.0f} were written.",
            "The plain way: `CREATE OR REPLACE TABLE … AS` the earlier version, in one transaction.",
        ),
    )


def _said(runs: Sequence[Run], name: str) -> list[float]:
    return [float(run.said[name]) for run in runs]
