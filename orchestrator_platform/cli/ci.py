"""`orchestrator ci`: what a branch would do to a published lake, for whoever reviews it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import EXIT_NO
from .acting import takes_by
from .json_text import json_text
from .place import FOLDER, Place, takes_place
from .progress import Progress
from .text import plural, table, visible

if TYPE_CHECKING:
    from ..records.ci import AssetReport, CiReport
    from ..settings import Settings

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command
@click.option("--lake", type=FOLDER, help="The home, or the sample of one, to work over; else the home. Only read.")
@click.option("--junit", type=_FILE, help="Write a test case for each check, as JUnit XML.")
@click.option("--markdown", type=_FILE, help="Write a comment for the pull request, as Markdown.")
@click.option("--allow", multiple=True, metavar="CHECK[:ASSET]", help="Let pass contract_not_loosened or rows_kept.")
@click.option(
    "--max-rows-lost", type=click.FloatRange(0, 1), default=0.05, show_default=True,
    help="Share of a table's rows that changed code may leave out.",
)  # fmt: skip
@takes_by
@takes_place
def ci(
    place: Place,
    lake: Path | None,
    junit: Path | None,
    markdown: Path | None,
    allow: tuple[str, ...],
    max_rows_lost: float,
    by: str,
) -> int:
    """Build and audit what the branch changes, over a lake that is only read.

    What is compared is content: the code, contracts and checks of the project as it stands, against those under
    which the versions that serve were published. What the branch does not change is read from the lake, at one
    snapshot. With --lake, --home is where the overlay is made; else it is made in .orchestrator-ci in the project.

    Exit codes: 0 nothing speaks against it, 1 it is rejected, 2 misuse, 3 a fault.
    """
    from ..authority.permissions import person
    from ..operations.ci import CiOptions, run_ci

    settings = _settings(place, lake)
    with Progress() as progress:
        report = run_ci(settings, CiOptions(allow, max_rows_lost), person(by), say=progress.say)
    if junit is not None:
        from .junit import write_junit

        write_junit(junit, "orchestrator ci", report.all_cases, report.started_at, report.seconds)
    if markdown is not None:
        from .ci_markdown import ci_markdown

        markdown.parent.mkdir(parents=True, exist_ok=True)
        markdown.write_text("\n".join(ci_markdown(report)) + "\n", encoding="utf-8")
    click.echo(
        json_text(report.model_dump(mode="json") | {"approved": not report.is_no})
        if place.as_json
        else "\n".join(_lines(report))
    )
    return EXIT_NO if report.is_no else 0


def _settings(place: Place, lake: Path | None) -> "Settings":
    from dataclasses import replace

    from ..settings import Home, load_settings

    # What lies over a lake is made elsewhere; where it is asked for, that is not the home to work on.
    settings = load_settings(lake or place.home, place.project)
    below = lake.expanduser().resolve() if lake is not None else settings.over or settings.home.root
    named = place.home.expanduser().resolve() if lake is not None and place.home is not None else None
    home = Home(named or settings.project.root / ".orchestrator-ci")
    place.opened.journal = home.journal
    return replace(settings, home=home, over=below, registry="off")


def _lines(report: "CiReport") -> Iterator[str]:
    for case in report.all_cases:
        if case.state != "passed":
            where = f"{case.place}: " if case.place else ""
            yield visible(f"{case.state.value:<8} {case.subject}  {case.check}  {where}{case.message}")
    for item in report.assets:
        for promise in item.promises:
            yield visible(f"{promise.direction.value:<8} {item.asset}  {promise.said}")
        yield from (visible(f"{'note':<8} {item.asset}  {note}") for note in item.notes)
    yield from (visible(f"{'note':<8} {note}") for note in report.notes)
    if report.assets:
        headers = ("asset", "changed", "outcome", "rows", "columns", "checks", "failed")
        yield table(headers, [_row(item) for item in report.assets], right=(5, 6))
    verdict = "rejected" if report.is_no else "approved"
    said = f"{verdict}: {plural(len(report.changes), 'asset')} changed, {plural(len(report.all_cases), 'check')}"
    yield f"{said}, {report.seconds:.1f} s over {report.lake}; nothing was published there."
    if report.is_no and report.assets:
        yield f"Look at what was made: `orchestrator status --home {report.overlay}`."


def _row(item: "AssetReport") -> tuple[object, ...]:
    from .ci_markdown import columns_said, rows_said

    return (
        item.asset,
        ", ".join(item.changed) or "–",
        item.outcome,
        rows_said(item),
        columns_said(item.diff),
        len(item.cases),
        sum(case.state == "failed" for case in item.cases),
    )
