"""The command line of the benchmarks: `python -m benchmarks [NAME…] [--quick] [--feed FOLDER] [--write]`."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from . import (
    case_diff,
    case_embedding,
    case_feed,
    case_growth,
    case_judge,
    case_latency,
    case_rollback,
    case_search,
    case_serving,
    case_start,
    case_thousand_assets,
    case_training,
    case_upkeep,
    case_weaviate,
    case_write,
)
from .reporting import Report, describe_machine, render, write_page
from .running import PROJECT, Setting

CASES: Mapping[str, Callable[[Setting], Report]] = {
    case.NAME: case.measure
    for case in (
        case_feed,
        case_growth,
        case_write,
        case_judge,
        case_diff,
        case_rollback,
        case_upkeep,
        case_embedding,
        case_search,
        case_serving,
        case_weaviate,
        case_training,
        case_start,
        case_latency,
        case_thousand_assets,
    )
}
PAGE = PROJECT / "docs" / "benchmarks.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 where every target was met, else 1."""
    given = _parser().parse_args(arguments)
    unknown = sorted(set(given.names) - set(CASES))
    if unknown:
        print(f"There is no benchmark {', '.join(unknown)}. Known: {', '.join(CASES)}.", file=sys.stderr)
        return 2
    reports, missing = [], []
    for name in given.names or CASES:
        report = _measure(name, given)
        text = render(report, describe_machine())
        print(f"## {name}\n\n{text}\n", flush=True)
        if given.write:
            # At once: a case that breaks loses nothing of those before it.
            missing += write_page(PAGE, {report.name: text})
        reports.append(report)
    if given.write:
        print(f"written to {PAGE}" + (f", but it has no place for {', '.join(missing)}" if missing else ""))
    return 0 if all(row.met is not False for report in reports for row in report.rows) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which of {', '.join(CASES)}; by default all")
    parser.add_argument("--quick", action="store_true", help="fewer rows and one round: a look, not a measurement")
    parser.add_argument("--repeats", type=int, help="rounds; by default 3, with --quick 1")
    parser.add_argument("--feed", type=Path, help="a folder with vulnrichment/ and kev/, instead of a generated feed")
    parser.add_argument("--write", action="store_true", help=f"write the tables into docs/{PAGE.name}")
    return parser


def _measure(name: str, given: argparse.Namespace) -> Report:
    with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as scratch:
        setting = Setting(
            scratch=Path(scratch),
            feed=given.feed.resolve() if given.feed else None,
            quick=given.quick,
            repeats=given.repeats or (1 if given.quick else 3),
            say=lambda text: print(f"{name}: {text}", file=sys.stderr, flush=True),
        )
        return CASES[name](setting)


if __name__ == "__main__":
    sys.exit(main())
