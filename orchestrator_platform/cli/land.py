"""`orchestrator land`: brings files into landing, lands them, and says what became of every file."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import EXIT_NO
from .build import named_at_prompt
from .json_text import json_text
from .place import Place, takes_place
from .progress import Progress
from .projections import tell_lagging
from .text import plural, visible

if TYPE_CHECKING:
    from ..gate.context import Gate
    from ..operations.land import LandPlan, LandResult

_NAMES_SHOWN = 10


@click.command
@click.argument("source")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say which files would be copied and landed; touch nothing.")
@click.option("--why", default="", help="The reason, for the journal and the receipt.")
@click.option("--by", default="", metavar="NAME", help="On whose behalf: a person, or an agent by its name.")
@takes_place
def land(place: Place, source: str, paths: tuple[Path, ...], dry_run: bool, why: str, by: str) -> int:
    """Land files of SOURCE: publish their good rows.

    PATHS, files or folders, are copied into the source's landing folder; they stay as they are.
    Without PATHS, what was dropped into landing is landed.
    """
    from ..operations.land import land as land_files

    if dry_run:
        return _plan(place, source, paths)
    with Progress() as progress:
        progress.say("loading the project")
        gate = place.gate(progress.say)
        on_behalf_of = named_at_prompt(gate, by)
        result = land_files(
            gate,
            source,
            paths,
            reason=why or "land new files",
            on_behalf_of=on_behalf_of,
            on_progress=progress.advance,
        )
    click.echo(json_text(_as_json(gate, result)) if place.as_json else "\n".join(_lines(gate, result)))
    tell_lagging(gate)
    return EXIT_NO if result.is_no else 0


def _plan(place: Place, source: str, paths: tuple[Path, ...]) -> int:
    from ..operations.land import plan_landing

    planned = plan_landing(place.gate(), source, paths)
    click.echo(json_text(vars(planned)) if place.as_json else "\n".join(_plan_lines(planned)))
    return 0


def _plan_lines(planned: "LandPlan") -> Iterator[str]:
    yield f"{planned.source}: {plural(len(planned.copied), 'file')} would be copied into landing"
    yield from _names(planned.copied)
    if planned.present:
        yield f"{plural(len(planned.present), 'file')} in landing would be landed too"
        yield from _names(planned.present)
    yield from _left_lines(planned.waiting, (*planned.passed_over, *planned.ignored))


def _names(names: Sequence[str]) -> Iterator[str]:
    yield from (f"  {visible(name)}" for name in names[:_NAMES_SHOWN])
    if len(names) > _NAMES_SHOWN:
        yield f"  … and {len(names) - _NAMES_SHOWN:,} more"


def _lines(gate: "Gate", result: "LandResult") -> Iterator[str]:
    from ..operations.status import read_serving
    from .ledger import ledger_excerpt
    from .outcomes import outcome_lines

    landed = result.landed
    if landed.ledger:
        yield ledger_excerpt(landed.ledger)
    yield from outcome_lines([landed.outcome], read_serving(gate))
    for entry in landed.quarantined:
        if entry.kind == "rows":
            reasons = ", ".join(f"{number:,} × {visible(rule)}" for rule, number in entry.reasons.items())
            look = f"look: `orchestrator quarantine show {entry.id}`"
            yield f"{plural(entry.n_rows, 'row')} in quarantine: {reasons}; {look}"
    if landed.extra_columns:
        yield f"columns that the contract does not name: {', '.join(map(visible, landed.extra_columns))}"
    yield from _left_lines(landed.waiting, (*result.passed_over, *landed.ignored))


def _left_lines(waiting: tuple[tuple[str, str], ...], passed_over: tuple[str, ...]) -> Iterator[str]:
    yield from (f"waiting in landing: {visible(name)}: {visible(why)}" for name, why in waiting)
    if passed_over:
        named = ", ".join(visible(name) for name in passed_over[:_NAMES_SHOWN])
        more = ", …" if len(passed_over) > _NAMES_SHOWN else ""
        yield f"not of this source, by its pattern: {plural(len(passed_over), 'file')} ({named}{more})"


def _as_json(gate: "Gate", result: "LandResult") -> dict[str, Any]:
    from ..operations.status import read_serving
    from .outcomes import outcome_json

    landed = result.landed
    return {
        "source": result.source,
        **outcome_json(landed.outcome, read_serving(gate)),
        "files": landed.ledger,
        "quarantined": landed.quarantined,
        "waiting": [{"file": name, "why": why} for name, why in landed.waiting],
        "passed_over": [*result.passed_over, *landed.ignored],
        "extra_columns": landed.extra_columns,
    }
