"""`orchestrator build`: builds what changed and says what became of each table."""

from typing import TYPE_CHECKING

import click

from ..errors import EXIT_NO
from .json_text import json_text
from .place import Place, takes_place
from .progress import Progress
from .projections import tell_lagging
from .text import plural, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..gate.context import Gate
    from ..gate.plan import Planned
    from ..operations.build import BuildResult


@click.command
@click.argument("assets", nargs=-1)
@click.option("--rebuild", is_flag=True, help="Build in full, whether or not something changed.")
@click.option("--dry-run", is_flag=True, help="Say what would be built and why; build nothing.")
@click.option(
    "--slices",
    default="",
    metavar="FIRST..LAST",
    help="Of a table in slices: those of them that lack, such as 2024-05-01..2024-05-30.",
)
@click.option("--why", default="", help="The reason, for the journal and the receipts.")
@click.option("--by", default="", metavar="NAME", help="On whose behalf: a person, or an agent by its name.")
@takes_place
def build(place: Place, assets: tuple[str, ...], rebuild: bool, dry_run: bool, slices: str, why: str, by: str) -> int:
    """Build ASSETS whose inputs changed, by default all.

    What its auditor approves is published; the rest waits in quarantine, and what served before serves on.
    """
    from ..operations.build import build as build_assets

    if dry_run:
        return _plan_slices(place, assets, slices) if slices else _plan(place, assets, rebuild=rebuild)
    with Progress() as progress:
        progress.say("loading the project")
        gate = place.gate(progress.say)
        on_behalf_of = named_at_prompt(gate, by)
        result = build_assets(
            gate,
            assets,
            reason=why or "build what changed",
            on_behalf_of=on_behalf_of,
            rebuild=rebuild,
            slices=_asked(gate, assets, slices),
        )
    click.echo(result_json(gate, result) if place.as_json else result_text(gate, result))
    _tell_left_behind(gate, assets)
    tell_lagging(gate)
    return EXIT_NO if result.is_no else 0


def _tell_left_behind(gate: "Gate", assets: "Sequence[str]") -> None:
    """Says on stderr what those assets are made of and was not asked for, although it changed."""
    from ..operations.build import read_left_behind

    left = read_left_behind(gate, assets)
    if left:
        click.echo(
            f"not asked for, and behind: {', '.join(left)}. `orchestrator build` builds all that changed.", err=True
        )


def _asked(gate: "Gate", assets: "Sequence[str]", slices: str) -> tuple[str, ...]:
    from ..operations.slices import asked_slices

    return asked_slices(gate, assets, slices) if slices else ()


def named_at_prompt(gate: "Gate", name: str) -> str:
    """Returns the agent of that name, else the person's principal, nothing for nothing: no agent starts as a person."""
    from ..authority.permissions import actor_named

    return actor_named(name, gate.principals).name if name else ""


def _plan(place: Place, assets: tuple[str, ...], *, rebuild: bool) -> int:
    from ..operations.build import plan

    gate = place.gate()
    tell_plan(place, plan(gate, assets, rebuild=rebuild))
    _tell_left_behind(gate, assets)
    return 0


def _plan_slices(place: Place, assets: tuple[str, ...], slices: str) -> int:
    from ..operations.slices import asked_slices, read_slices
    from ..records.keys import AssetKey

    gate = place.gate()
    asked = asked_slices(gate, assets, slices)
    found = [item for item in read_slices(gate, AssetKey(assets[0])) if item.name in asked]
    if place.as_json:
        click.echo(json_text([vars(item) for item in found]))
    else:
        click.echo(table(("slice", "need", "rows", "why"), [(i.name, i.need, i.n_rows, i.why) for i in found]))
    return 0


def tell_plan(place: Place, planned: "Sequence[Planned]") -> None:
    """Prints what would be built, and why."""
    if place.as_json:
        click.echo(json_text([{"asset": item.asset, "need": item.need, "why": item.why} for item in planned]))
    else:
        click.echo(table(("asset", "need", "why"), [(item.asset, item.need, item.why) for item in planned]))


def result_json(gate: "Gate", result: "BuildResult") -> str:
    """Returns what became of each asset as a JSON list."""
    from ..operations.status import read_serving
    from .outcomes import outcome_json

    serving = read_serving(gate)
    return json_text([outcome_json(outcome, serving) for outcome in result.outcomes])


def result_text(gate: "Gate", result: "BuildResult") -> str:
    """Returns what became of each asset, a line for each."""
    from ..gate.outcomes import Unchanged
    from ..operations.status import read_serving
    from .outcomes import outcome_lines, warnings_of

    if not result.outcomes:
        return "Nothing changed. The project declares no tables."
    if all(isinstance(outcome, Unchanged) and not warnings_of(outcome) for outcome in result.outcomes):
        return f"Nothing changed. {plural(len(result.outcomes), 'table')} up to date."
    return "\n".join(outcome_lines(result.outcomes, read_serving(gate)))
