"""`orchestrator pull`: brings new files of sources into landing, from where others publish them."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from ..errors import OrchestratorError
from .build import named_at_prompt
from .json_text import json_text
from .place import Place, takes_place
from .progress import Progress
from .projections import tell_lagging
from .text import plural, table, visible, visible_lines

if TYPE_CHECKING:
    from ..gate.context import Gate
    from ..operations.land import LandResult
    from ..operations.pull_planning import PullPlan
    from ..records.pulls import Pulled

_NAMES_SHOWN = 10


@click.command
@click.argument("sources", nargs=-1)
@click.option("--land", is_flag=True, help="Land what arrived, too.")
@click.option("--dry-run", is_flag=True, help="Ask what a pull would find; bring and note nothing.")
@click.option("--why", default="", help="The reason, for the journal.")
@click.option("--by", default="", metavar="NAME", help="On whose behalf: a person, or an agent by its name.")
@takes_place
def pull(place: Place, sources: tuple[str, ...], land: bool, dry_run: bool, why: str, by: str) -> int:
    """Bring new files of SOURCES into landing, by default of all that pull and are switched on.

    A source says below `pull` where its files are published. A file arrives whole or not at all, and only if it is new.
    """
    with Progress() as progress:
        progress.say("loading the project")
        gate = place.gate(progress.say)
        names = sources or _switched_on(gate, dry_run=dry_run)
        if dry_run:
            from ..operations.pull_planning import plan_pull

            plans = [plan_pull(gate, name) for name in names]
        else:
            done = [_pull_one(gate, name, why, named_at_prompt(gate, by), land=land) for name in names]
    if dry_run:
        _tell_plans(place, plans)
        return 0
    _tell(place, gate, done)
    return max((each.exit_code for each in done), default=0)


class _Done:
    """What came of one source: pulled, and landed where that was asked for; or an error, which stops no other one."""

    def __init__(
        self,
        source: str,
        pulled: "Pulled | None" = None,
        landed: "LandResult | None" = None,
        error: OrchestratorError | None = None,
    ) -> None:
        self.source, self.pulled, self.landed, self.error = source, pulled, landed, error

    @property
    def exit_code(self) -> int:
        if self.error is not None:
            return self.error.exit_code
        return 1 if self.landed is not None and self.landed.is_no else 0


def _switched_on(gate: "Gate", *, dry_run: bool) -> tuple[str, ...]:
    from ..operations.pulling_sources import pulling_sources

    found = [declaration.build for declaration in pulling_sources(gate)]
    return tuple(build.name for build in found if dry_run or (build.pull is not None and build.pull.enabled))  # type: ignore[union-attr]


def _pull_one(gate: "Gate", source: str, why: str, on_behalf_of: str, *, land: bool) -> _Done:
    from ..operations.land import land as land_files
    from ..operations.pull import pull as pull_files

    try:
        pulled = pull_files(gate, source, reason=why or "look for new files", on_behalf_of=on_behalf_of)
    except OrchestratorError as error:
        return _Done(source, error=error)
    if not land:
        return _Done(source, pulled)
    try:
        reason = why or "land what was pulled"
        return _Done(source, pulled, land_files(gate, source, reason=reason, on_behalf_of=on_behalf_of))
    except OrchestratorError as error:
        return _Done(source, pulled, error=error)


def _tell(place: Place, gate: "Gate", done: Sequence[_Done]) -> None:
    if place.as_json:
        click.echo(json_text([_as_json(gate, each) for each in done]))
    elif not done:
        click.echo("No source pulls, or all are switched off. Look: `orchestrator pull --dry-run`.")
    else:
        for each in done:
            click.echo("\n".join(_lines(gate, each)))
    for each in done:
        if each.error is not None and not place.as_json:
            click.echo(f"error: {visible_lines(str(each.error))}", err=True)
    if any(each.landed for each in done):
        tell_lagging(gate)


def _lines(gate: "Gate", done: _Done) -> Iterator[str]:
    pulled = done.pulled
    if pulled is not None:
        yield f"{pulled.source}: {_told(pulled)}"
        yield from (f"  {visible(file.name)}" for file in pulled.files[:_NAMES_SHOWN])
        if len(pulled.files) > _NAMES_SHOWN:
            yield f"  … and {len(pulled.files) - _NAMES_SHOWN:,} more"
        yield from (f"  {remark}" for remark in pulled.remarks)
        if pulled.files and done.landed is None:
            yield f"  Next: `orchestrator land {pulled.source}`"
    else:
        yield f"{done.source}: not pulled"
    if done.landed is not None:
        from ..operations.status import read_serving
        from .outcomes import outcome_lines

        yield from outcome_lines([done.landed.landed.outcome], read_serving(gate))


def _told(pulled: "Pulled") -> str:
    if not pulled.files and not pulled.n_commits:
        return f"unchanged{f', {pulled.why}' if pulled.why else ''}"
    files = f"{plural(len(pulled.files), 'file')} in landing, {pulled.size_bytes:,} bytes"
    counted = [
        (pulled.n_commits, "commit"),
        (pulled.n_records, "record"),
        (pulled.n_alone, "file as it was"),
        (pulled.n_deleted, "deletion"),
        (pulled.n_passed_over, "file of no pattern"),
    ]
    more = [plural(number, what) if " " not in what else f"{number:,} × {what}" for number, what in counted if number]
    return f"{files}{': ' + ', '.join(more) if more else ''}"


def _as_json(gate: "Gate", done: _Done) -> dict[str, Any]:
    said: dict[str, Any] = {"source": done.source}
    if done.pulled is not None:
        said |= done.pulled.model_dump(mode="json")
    if done.landed is not None:
        from ..operations.status import read_serving
        from .outcomes import outcome_json

        said["landed"] = outcome_json(done.landed.landed.outcome, read_serving(gate))
    if done.error is not None:
        said["error"] = {
            "code": done.error.code,
            "message": str(done.error),
            "retryable": done.error.retryable,
        }
    return said


def _tell_plans(place: Place, plans: "Sequence[PullPlan]") -> None:
    if place.as_json:
        flat = [{**vars(plan), "state": plan.state.model_dump(mode="json", exclude_defaults=True)} for plan in plans]
        click.echo(json_text(flat))
    elif not plans:
        click.echo("No source says where it pulls from: docs/add-a-source.md.")
    else:
        rows = [(plan.source, plan.url, "on" if plan.enabled else "off", plan.found) for plan in plans]
        click.echo(table(("source", "from", "is", "found"), rows, at_most=200))
