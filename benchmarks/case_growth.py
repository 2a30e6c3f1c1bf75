"""The next month on top of the first, day by day: cost must follow new rows, not what is there already."""

import json
import statistics
from collections.abc import Sequence

from .feeds import Feed, open_feed
from .reporting import Report, Row
from .running import GIGABYTE, Setting, python, run_child

NAME = "growth"
_MOST_MEMORY = 2 * GIGABYTE
_MOST_BEND = 1.25


def measure(setting: Setting) -> Report:
    """One process carries the first month, then each following day (a few, where it is to be quick)."""
    feed = open_feed(setting.feed, setting.scratch, quick=setting.quick)
    days = feed.days[:6] if setting.quick else feed.days
    run = run_child(python("-m", "benchmarks.children.carry_feed", *_script(setting, feed, days)))
    taken = [float(step["seconds"]) for step in run.said["steps"][1:]]
    rows = [n for _, n in days]
    fixed, per_row, r_squared = fit_line(rows, taken)
    bend = _bend(rows, taken, fixed, per_row)
    first = float(run.said["steps"][0]["seconds"])
    biggest = rows.index(max(rows))
    return Report(
        NAME,
        (
            Row(
                "the next month, day by day",
                f"{sum(taken):.1f} s for {sum(rows):,} rows in {len(days)} steps",
                f"the first month: {first:.1f} s for {feed.n_records:,} rows",
                f"{fixed:.2f} s a step + {1000 * per_row:.2f} s per 1,000 new rows",
            ),
            Row(
                "…is it linear: later steps against the line through all",
                f"R² {r_squared:.2f}",
                "",
                f"second half {bend:.2f}× of the line",
                f"≤ {_MOST_BEND}×",
                bend <= _MOST_BEND,
            ),
            Row(
                "…largest process",
                f"{run.peak_bytes / GIGABYTE:.2f} GB",
                "",
                f"{run.peak_bytes / GIGABYTE:.2f} GB",
                "≤ 2 GB",
                run.peak_bytes <= _MOST_MEMORY,
            ),
        ),
        (
            f"{feed.name}.",
            f"The largest day: {rows[biggest]:,} rows in {taken[biggest]:.2f} s.",
            f"The median day: {statistics.median(rows):,.0f} rows in {statistics.median(taken):.2f} s.",
        ),
    )


def _script(setting: Setting, feed: Feed, days: Sequence[tuple[object, int]]) -> list[str]:
    catalogue = [str(file) for file in feed.catalogue]
    steps = [
        {"name": "first", "land": [["vulnrichment", [str(feed.month)]], ["kev", catalogue]], "build": True},
        *({"name": str(day), "land": [["vulnrichment", [str(day)]]], "build": True} for day, _ in days),
    ]
    script = setting.scratch / "days.json"
    script.write_text(json.dumps(steps), encoding="utf-8")
    return [str(setting.scratch / "home-growth"), str(script)]


def fit_line(rows: Sequence[float], seconds: Sequence[float]) -> tuple[float, float, float]:
    """Returns intercept, slope and R² of the least-squares line."""
    slope, intercept = statistics.linear_regression(rows, seconds)
    return intercept, slope, statistics.correlation(rows, seconds) ** 2


def _bend(rows: Sequence[float], seconds: Sequence[float], fixed: float, per_row: float) -> float:
    """How much more the second half took than the line says: above 1 where cost grows with what is there."""
    half = len(rows) // 2
    expected = sum(fixed + per_row * n for n in rows[half:])
    return sum(seconds[half:]) / expected
