"""Runs the long suites and writes their figures into docs/reliability.md: `python -m tests.reliability [SUITE…]`.

All of them take some hours; `--every N` thins out the longest.

A suite tells its figures as properties of its tests. What failed is written as well, and the exit code is 1.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from benchmarks.reporting import describe_machine, write_page

PROJECT = Path(__file__).resolve().parents[1]
PAGE = PROJECT / "docs" / "reliability.md"
Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Suite:
    """`render` makes Markdown of the figures under the suite's name, one for each test that told some. `at_once` is how
    many of its tests run at the same time.
    """

    file: str
    marks: str
    render: Callable[[Sequence[Figures]], Iterable[str]]
    at_once: int = 1


def render_kills(told: Sequence[Figures]) -> Iterable[str]:
    (found,) = told
    yield f"Before {found['lines_tried']} of {found['lines']} lines, and at random times."
    yield ""
    yield "| stage | kills |"
    yield "| --- | --- |"
    yield from (f"| {stage} | {n} |" for stage, n in found["kills"].items())
    yield f"| **all** | **{sum(found['kills'].values())}** |"
    yield ""
    yield "| after any of them | |"
    yield "| --- | --- |"
    yield f"| rows or files lost | {found['lost']} |"
    yield f"| rows doubled | {found['doubled']} |"
    yield f"| tables readable that were not judged, or hold something else | {found['unaudited']} |"
    yield f"| ends that differ from that of an undisturbed run | {found['differing']} |"
    yield f"| slowest next start | {found['slowest_start_seconds']:.2f} s |"


def render_writers(told: Sequence[Figures]) -> Iterable[str]:
    (found,) = told
    yield "| writers | readers | transactions | per second | fewest of one writer | overtaken, and made again | reads |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    names = ("writers", "readers", "transactions", "per_second", "fewest_of_a_writer", "overtaken", "reads")
    yield f"| {' | '.join(str(found[name]) for name in names)} |"


def render_random(told: Sequence[Figures]) -> Iterable[str]:
    operations, kills = (sum(found[name] for found in told) for name in ("operations", "kills"))
    yield f"{operations:,} operations and {kills:,} kills between them."


def render_bad_files(told: Sequence[Figures]) -> Iterable[str]:
    by_format = {name: counts for figures in told for name, counts in figures.items()}
    outcomes = sorted({outcome for counts in by_format.values() for outcome in counts})
    yield f"| format | {' | '.join(outcomes)} | all |"
    yield f"| --- |{' --- |' * (len(outcomes) + 1)}"
    for name, counts in by_format.items():
        cells = [str(counts.get(outcome, 0)) for outcome in outcomes]
        yield f"| {name} | {' | '.join(cells)} | {sum(counts.values())} |"


SUITES: Mapping[str, Suite] = {
    "bad_files": Suite("tests/gate/test_bad_files.py", "not slow", render_bad_files),
    "writers": Suite("tests/operations/test_many_writers.py", "slow", render_writers),
    "random": Suite("tests/lake/test_random_operations.py", "slow", render_random, at_once=2),
    "kills": Suite("tests/gate/test_killed_at_any_stage.py", "slow", render_kills),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 where every suite passed, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"which of {', '.join(SUITES)}; by default all")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="kill before every Nth line only")
    given = parser.parse_args(arguments)
    names = given.suites or list(SUITES)
    if unknown := sorted(set(names) - set(SUITES)):
        parser.error(f"there is no suite {', '.join(unknown)}; known: {', '.join(SUITES)}")
    failed = []
    for name in names:
        print(f"== {name}: {SUITES[name].file}", flush=True)
        passed, told = run_suite(name, SUITES[name], given.every)
        failed += [] if passed else [name]
        missing = write_page(PAGE, {name: render(SUITES[name], told, passed=passed)})
        assert not missing, f"{PAGE} has no place for {name}"
    print(f"written to {PAGE}; failed: {', '.join(failed) or 'none'}", flush=True)
    return 1 if failed else 0


def run_suite(name: str, suite: Suite, every: int) -> tuple[bool, list[Figures]]:
    """Returns whether every test passed, and the figures that they told."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        words = [sys.executable, "-m", "pytest", "-s", "-m", suite.marks, suite.file]
        # The one family of reports that has properties of tests.
        words += [f"--junitxml={report}", "-o", "junit_family=xunit1", f"--every={every}"]
        words += ["-n", str(suite.at_once)] if suite.at_once > 1 else []
        code = subprocess.run(words, cwd=PROJECT, check=False).returncode
        return code == 0, read_figures(report.read_text(encoding="utf-8"), name)


def read_figures(report: str, name: str) -> list[Figures]:
    """Returns what tests told under a name, from pytest's report."""
    found = ET.fromstring(report).iter("property")  # noqa: S314 - pytest wrote it a moment ago
    return [json.loads(item.attrib["value"]) for item in found if item.attrib["name"] == name]


def render(suite: Suite, told: Sequence[Figures], *, passed: bool) -> str:
    """Returns the suite's figures as Markdown, under the machine's description."""
    lines = suite.render(told) if told else ["No figures: the suite broke before it could tell them."]
    verdict = [] if passed else ["", "**The suite failed.**"]
    return "\n".join([f"*{describe_machine()}*", "", *lines, *verdict])


if __name__ == "__main__":
    sys.exit(main())
