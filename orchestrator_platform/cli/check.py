"""`orchestrator check`: the audits alone, on what waits or serves; publishes nothing."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import EXIT_NO
from .findings import failure_lines, findings_table
from .json_text import json_text
from .place import Place, takes_place
from .progress import Progress
from .text import plural

if TYPE_CHECKING:
    from ..operations.audit import AuditedAgain

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command
@click.argument("assets", nargs=-1, metavar="[ASSET|SELECTION]...")
@click.option("--junit", type=_FILE, help="Write a test case for each check, as JUnit XML.")
@click.option(
    "--severity", type=click.Choice(["warn", "escalate", "error"]), default="escalate", show_default=True,
    help="The least severe failure that is a no.",
)  # fmt: skip
@click.option("--quiet", is_flag=True, help="Print a line for each asset, and what failed.")
@takes_place
def check(place: Place, assets: tuple[str, ...], junit: Path | None, severity: str, quiet: bool) -> int:
    """Run the audits alone, on what waits or else what serves.

    Of each asset it is the candidate in quarantine, or the served version; by default of all. ASSETS are names,
    `group:marts`, `kind:dbt`, `key:"marts/*"`, `auditor:NAME` or `producer:NAME`. Nothing is published.
    """
    from time import perf_counter

    from ..gate.context import utc_now
    from ..operations.check import cases_of, check_assets
    from ..records.checked import any_failed
    from ..records.findings import Severity

    began, at = perf_counter(), utc_now()
    with Progress() as progress:
        gate = place.gate(progress.say)
        judged = check_assets(gate, assets)
        cases = cases_of(gate, judged, Severity(severity))
    if junit is not None:
        from .junit import write_junit

        write_junit(junit, "orchestrator check", cases, at, perf_counter() - began)
    if place.as_json:
        click.echo(json_text([{"subject": item.subject, **item.verdict.model_dump(mode="json")} for item in judged]))
    else:
        click.echo("\n".join(_line(item) for item in judged) if quiet else "\n\n".join(_text(item) for item in judged))
    return EXIT_NO if any_failed(cases) else 0


def _line(item: "AuditedAgain") -> str:
    findings = item.verdict.findings
    failed = sum(not finding.passed for finding in findings)
    said = f"{_judged(item)}; {plural(len(findings), 'check')}, {failed} failed"
    return "\n".join([said, *(f"  {line}" for line in failure_lines(findings))])


def _text(item: "AuditedAgain") -> str:
    findings = item.verdict.findings
    return "\n".join([_judged(item), *failure_lines(findings), findings_table(findings)])


def _judged(item: "AuditedAgain") -> str:
    verdict = item.verdict
    return f"{verdict.asset}, {item.subject}: {verdict.decision}, says {verdict.auditor}"
