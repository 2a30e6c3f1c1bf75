"""Searching without a server: warm questions of each kind, the cold command, making the folder."""

from collections.abc import Sequence

import numpy as np

from .reporting import Report, Row
from .running import GIGABYTE, Setting, python, run_child, spread

NAME = "search"
N_TEXTS, QUICK_TEXTS = 44_000, 5_000
N_QUESTIONS, QUICK_QUESTIONS = 300, 30
_VECTOR, _HYBRID, _COLD = 0.005, 0.030, 1.5


def measure(setting: Setting) -> Report:
    """One home; the questions of each kind follow each other in one process, the commands are cold ones."""
    n_texts = QUICK_TEXTS if setting.quick else N_TEXTS
    n_questions = QUICK_QUESTIONS if setting.quick else N_QUESTIONS
    folder = setting.scratch / "search"
    made = run_child(python("-m", "benchmarks.children.ask_questions", "make", str(folder), str(n_texts))).said
    setting.say(f"{n_texts:,} texts are published")
    asked = run_child(python("-m", "benchmarks.children.ask_questions", "ask", str(folder), str(n_questions)))
    command = ["orchestrator", "--home", str(folder / "home"), "--project", str(folder), "search", "w12 w700 w31"]
    run_child(command)
    cold = [run_child(command).seconds for _ in range(max(5, setting.repeats))]
    seconds, taken = asked.said["seconds"], spread(cold)
    size, peak = f"{made['size_bytes'] / 1e6:.0f} MB", f"{asked.peak_bytes / GIGABYTE:.2f} GB"
    plain = f"numpy in memory: {_shown(seconds['numpy'])}"
    return Report(
        NAME,
        (
            _row(f"by vector, {n_texts:,} texts, its vector given", seconds["vector alone"], _VECTOR, plain),
            _row("…hybrid", seconds["hybrid alone"], _HYBRID),
            _row("…hybrid with a condition", seconds["where alone"], _HYBRID),
            _row("a question by vector, embedded first", seconds["vector"]),
            _row("…hybrid", seconds["hybrid"]),
            _row("…hybrid with a condition", seconds["where"]),
            _row("…by words", seconds["text"]),
            Row("`orchestrator search`, cold", taken.show(" s"), "", taken.show(" s"), f"≤ {_COLD} s",
                taken.median <= _COLD),
            Row("the folder made out of the lake", f"{made['seconds']:.2f} s", "", f"{made['seconds']:.2f} s"),
        ),
        (
            f"{n_questions} questions of each kind; given are median and 95th percentile, judged is the latter.",
            f"The folder: {size}; the process that asks: {peak}.",
        ),
    )  # fmt: skip


def _row(what: str, seconds: Sequence[float], most: float | None = None, plain: str = "") -> Row:
    late = float(np.percentile(seconds, 95))
    target = f"≤ {most * 1000:.0f} ms" if most is not None else ""
    met = late <= most if most is not None else None
    return Row(what, _shown(seconds), plain, f"{late * 1000:.1f} ms", target, met)


def _shown(seconds: Sequence[float]) -> str:
    return f"{np.median(seconds) * 1000:.1f} ms, {np.percentile(seconds, 95) * 1000:.1f} ms"
