"""What is reported: rows with target and verdict, the machine, the page. Knows no benchmark."""

import importlib.metadata
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .running import GIGABYTE

_PACKAGES = ("duckdb", "dagster", "dbt-core", "dbt-duckdb", "pandas", "pandera", "pyarrow")


@dataclass(frozen=True)
class Row:
    """One line of the table. `met` is `None` where nothing was promised."""

    what: str
    ours: str
    plain: str
    measured: str
    target: str = ""
    met: bool | None = None

    @property
    def verdict(self) -> str:
        return {None: "", True: "met", False: "**missed**"}[self.met]


@dataclass(frozen=True)
class Report:
    """The rows of one benchmark, and what a reader must know to judge them."""

    name: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def describe_machine() -> str:
    """Returns one line: cores, memory, load, Python and the versions of the packages that matter."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIGABYTE
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GB, load {os.getloadavg()[0]:.1f},"
        f" {platform.system()} {platform.machine()}, Python {platform.python_version()}, {versions}"
    )


def render(report: Report, machine: str) -> str:
    """Returns the report as Markdown."""
    lines = [
        f"*{machine}*",
        "",
        "| what | ours | the plain way | measured | target | |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_line(row) for row in report.rows),
        *(["", *(f"- {note}" for note in report.notes)] if report.notes else []),
    ]
    return "\n".join(lines)


def _line(row: Row) -> str:
    return f"| {row.what} | {row.ours} | {row.plain} | {row.measured} | {row.target} | {row.verdict} |"


def write_page(page: Path, rendered: Mapping[str, str]) -> Sequence[str]:
    """Puts each benchmark's text between its markers in the page; returns the names that have no markers there."""
    text = page.read_text(encoding="utf-8")
    missing = []
    for name, body in rendered.items():
        begin, end = f"<!-- {name}: measured -->", f"<!-- {name}: end -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        if not pattern.search(text):
            missing.append(name)
            continue
        text = pattern.sub(lambda _, new=f"{begin}\n{body}\n{end}": new, text)  # type: ignore[misc]
    page.write_text(text, encoding="utf-8")
    return missing
