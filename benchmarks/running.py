"""Runs child processes and measures them: wall time, largest resident memory, what they report of themselves."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
GIGABYTE = 1024**3


@dataclass(frozen=True)
class Run:
    """One child process. `seconds` is its wall time from start to end, `peak_bytes` the largest resident memory of
    it or of any process that it waited for, `cpu_seconds` the processor time of all of them, `said` the JSON on the
    last line that it printed.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    said: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """What every benchmark is given: where it may write, the feed folder (`None` is the generated one), the effort."""

    scratch: Path
    feed: Path | None
    quick: bool
    repeats: int
    say: Callable[[str], None]

    @property
    def rounds(self) -> str:
        return "one round" if self.repeats == 1 else f"{self.repeats} rounds"


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def run_child(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Run:
    """Returns how the command went, run in the project's folder.

    Raises:
        RuntimeError: It failed; the message ends with what it printed last.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=PROJECT, env=_environment(environment or {}), stdout=output, stderr=errors
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        printed, said = _text(output), _text(errors)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{(printed + said)[-4000:]}")
    peak_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Run(seconds, usage.ru_utime + usage.ru_stime, peak_bytes, _last_json(printed))


def _environment(added: Mapping[str, str]) -> dict[str, str]:
    # Bytecode is compiled, as in an installation; a home or project of the person who runs this is left alone.
    left_out = {"PYTHONDONTWRITEBYTECODE", "ORCHESTRATOR_HOME", "ORCHESTRATOR_PROJECT", "DAGSTER_HOME"}
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    binaries = str(Path(sys.executable).parent)
    return {**kept, "PATH": f"{binaries}{os.pathsep}{kept.get('PATH', '')}", **added}


def _text(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode("utf-8", "replace"))


def _last_json(printed: str) -> dict[str, Any]:
    lines = printed.strip().splitlines()
    if not lines or not lines[-1].startswith("{"):
        return {}
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def interleave(
    repeats: int, *ways: Callable[[int], Run], say: Callable[[str], None] = lambda _: None
) -> tuple[list[Run], ...]:
    """Returns the runs of each way. They take turns, in reversed order every other time, so that a slow
    moment of the machine meets all of them.
    """
    runs: tuple[list[Run], ...] = tuple([] for _ in ways)
    for repeat in range(repeats):
        order = range(len(ways)) if repeat % 2 == 0 else reversed(range(len(ways)))
        for index in order:
            runs[index].append(ways[index](repeat))
        say(f"round {repeat + 1} of {repeats}: " + ", ".join(f"{kept[-1].seconds:.2f} s" for kept in runs))
    return runs


@dataclass(frozen=True)
class Spread:
    """The median of some values, and between what they lie."""

    median: float
    lowest: float
    highest: float

    def show(self, unit: str, digits: int = 2) -> str:
        shown = f"{self.median:.{digits}f}{unit}"
        if self.lowest == self.highest:
            return shown
        return f"{shown} ({self.lowest:.{digits}f}–{self.highest:.{digits}f})"

    def times(self, factor: float) -> "Spread":
        return Spread(self.median * factor, self.lowest * factor, self.highest * factor)


def spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values))


def ratios(ours: Sequence[float], plain: Sequence[float]) -> Spread:
    """Returns the spread of the ratios round by round: what both ways met in one round cancels."""
    return spread([a / b for a, b in zip(ours, plain, strict=True)])
