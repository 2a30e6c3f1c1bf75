"""Many rows written through the gate against one CREATE TABLE AS into a lake of the same kind."""

import shutil
from collections.abc import Sequence

from .reporting import Report, Row
from .running import Run, Setting, interleave, python, ratios, run_child, spread

NAME = "write"
N_ROWS, QUICK_ROWS = 10_000_000, 1_000_000
_MOST, _LONGEST_LOCK = 1.3, 0.2


def measure(setting: Setting) -> Report:
    """Both ways make the rows from the same query; clocks start with the lake there and the libraries loaded."""
    n_rows = QUICK_ROWS if setting.quick else N_ROWS

    def write(way: str, number: int) -> Run:
        folder = setting.scratch / f"{way}-{number}"
        run = run_child(python("-m", "benchmarks.children.write_rows", way, str(folder), str(n_rows)))
        assert run.said["n_rows"] == n_rows
        shutil.rmtree(folder)
        return run

    ours, plain = interleave(setting.repeats, lambda i: write("ours", i), lambda i: write("plain", i), say=setting.say)
    measured = ratios(_said(ours, "seconds"), _said(plain, "seconds"))
    lock = spread(_said(ours, "lock"))
    audit = spread(_said(ours, "audit"))
    parts = ", ".join(f"{name} {spread(_said(ours, name)).median:.2f} s" for name in ("build", "close", "publish"))
    return Report(
        NAME,
        (
            Row(
                f"{n_rows:,} rows into the lake, audits apart",
                spread(_said(ours, "seconds")).show(" s"),
                spread(_said(plain, "seconds")).show(" s"),
                measured.show("×"),
                f"≤ {_MOST}×",
                measured.median <= _MOST,
            ),
            Row(
                "…the writer's lock is held",
                lock.show(" s"),
                spread(_said(plain, "seconds")).show(" s"),
                lock.show(" s"),
                f"≤ {_LONGEST_LOCK} s",
                lock.median <= _LONGEST_LOCK,
            ),
            Row("…the audits", audit.show(" s"), "none", audit.show(" s")),
        ),
        (f"{setting.rounds}; of ours: {parts}.",),
    )


def _said(runs: Sequence[Run], name: str) -> list[float]:
    return [float(run.said[name]) for run in runs]
