"""Many rows judged by five rules: a contract against hand-written SQL and against pandera on pandas."""

from collections.abc import Sequence

from .reporting import Report, Row
from .running import GIGABYTE, Run, Setting, interleave, python, ratios, run_child, spread

NAME = "judge"
N_ROWS, QUICK_ROWS = 10_000_000, 1_000_000
_MOST, _LEAST_FASTER, _MOST_MEMORY = 1.2, 5.0, GIGABYTE // 2


def measure(setting: Setting) -> Report:
    """All three read the same Parquet file; clocks start with the libraries loaded."""
    n_rows = QUICK_ROWS if setting.quick else N_ROWS
    file = setting.scratch / "orders.parquet"
    run_child(_child("make", str(file), str(n_rows)))
    ours, by_hand, pandera = interleave(
        setting.repeats,
        lambda _: run_child(_child("ours", str(file))),
        lambda _: run_child(_child("sql", str(file))),
        lambda _: run_child(_child("pandera", str(file))),
        say=setting.say,
    )
    found = {run.said["n_failing"] for run in (*ours, *by_hand, *pandera)}
    assert len(found) == 1, f"the three ways disagree on the number of failing rows: {found}"
    to_sql = ratios(_seconds(ours), _seconds(by_hand))
    faster = ratios(_seconds(pandera), _seconds(ours))
    peak = max(run.peak_bytes for run in ours)
    shown = spread(_seconds(ours)).show(" s")
    return Report(
        NAME,
        (
            Row(
                f"{n_rows:,} rows, 5 rules, against hand-written SQL",
                shown,
                spread(_seconds(by_hand)).show(" s"),
                to_sql.show("×"),
                f"≤ {_MOST}×",
                to_sql.median <= _MOST,
            ),
            Row(
                "…against pandera on pandas",
                shown,
                spread(_seconds(pandera)).show(" s"),
                f"{faster.show('×', 1)} as fast",
                f"≥ {_LEAST_FASTER:.0f}×",
                faster.median >= _LEAST_FASTER,
            ),
            Row(
                "…largest memory",
                f"{peak / GIGABYTE:.2f} GB",
                f"{max(run.peak_bytes for run in pandera) / GIGABYTE:.2f} GB (pandera),"
                f" {max(run.peak_bytes for run in by_hand) / GIGABYTE:.2f} GB (SQL)",
                f"{peak / GIGABYTE:.2f} GB",
                "≤ 0.5 GB",
                peak <= _MOST_MEMORY,
            ),
        ),
        (f"{setting.rounds}; all three found {found.pop():,} failing rows.",),
    )


def _child(*arguments: str) -> list[str]:
    return python("-m", "benchmarks.children.judge_rows", *arguments)


def _seconds(runs: Sequence[Run]) -> list[float]:
    return [float(run.said["seconds"]) for run in runs]
