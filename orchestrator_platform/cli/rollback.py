"""`orchestrator rollback`: takes versions back over the lineage, or brings them forward again."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from .acting import takes_by
from .json_text import json_text
from .place import Place, takes_place
from .progress import Progress
from .projections import tell_lagging
from .text import plural, table

if TYPE_CHECKING:
    from ..gate.rollback import RolledBack
    from ..gate.rollback_plan import RollbackPlan, Step
    from ..operations.rollback import Goal

_HEADERS = ("asset", "serves", "becomes", "with the content of", "because of")
_NAMED_VERSIONS = 10


@click.command
@click.argument("asset", required=False)
@click.option("--to", metavar="VERSION", help="The version of ASSET to return to; `none` empties it.")
@click.option("--release", metavar="NAME", help="Every asset returns to its version in this release.")
@click.option("--dry-run", is_flag=True, help="Show the plan; change nothing.")
@click.option("--why", default="", help="The reason, for the journal and the receipts.")
@takes_by
@takes_place
def rollback(
    place: Place, asset: str | None, to: str | None, release: str | None, dry_run: bool, why: str, by: str
) -> int:
    """Return ASSET to the content of an earlier version, or a later one.

    What was made from the versions taken back returns to its newest version without them, in the same snapshot;
    where there is none, it becomes empty. Version numbers only grow.
    """
    from ..operations.rollback import plan
    from ..operations.rollback import rollback as roll_back

    goal = _goal(asset, to, release)
    if dry_run:
        planned = plan(place.gate(), goal, why, by=by)
        click.echo(json_text(_plan_json(planned)) if place.as_json else "\n".join(_plan_lines(planned)))
        return 0
    with Progress() as progress:
        gate = place.gate(progress.say)
        shown = None if place.as_json else _show
        result = roll_back(gate, goal, why=why, by=by, on_plan=shown)
    if place.as_json:
        click.echo(json_text(_plan_json(result.plan) | {"done": result.done is not None, **_done_json(result.done)}))
    elif result.done is not None:
        click.echo("\n".join(_done_lines(result.done)))
    tell_lagging(gate)
    return 0


def _goal(asset: str | None, to: str | None, release: str | None) -> "Goal":
    from ..operations.rollback import Goal

    if release is not None:
        if asset is not None or to is not None:
            raise click.UsageError("Give ASSET and --to, or --release alone.")
        return Goal(release=release)
    if asset is None or to is None:
        raise click.UsageError("Give ASSET and --to VERSION, or --release NAME.")
    if to == "none":
        return Goal(asset=asset)
    if not to.isascii() or not to.isdigit():
        raise click.UsageError(f"{to!r} is no version: write a number, or `none` to empty {asset}.")
    return Goal(asset=asset, version=int(to))


def _show(plan: "RollbackPlan") -> None:
    click.echo("\n".join(_plan_lines(plan)))


def _plan_lines(plan: "RollbackPlan") -> Iterator[str]:
    from ..operations.projections import FOLLOWING

    if plan.changes_nothing:
        yield f"{plan.subject}: nothing to do; it is so already."
        return
    if plan.steps:
        yield table(_HEADERS, [_row(step) for step in plan.steps], right=(1, 2))
    yield from _versions("retracted", plan.retracted)
    yield from _versions("returned", plan.returned)
    yield f"follows: {', '.join(FOLLOWING)}"


def _row(step: "Step") -> tuple[Any, ...]:
    content = f"version {step.restores}" if step.restores is not None else "nothing: it becomes empty"
    return step.asset, step.serves, step.becomes, content, ", ".join(step.because_of)


def _versions(what: str, nodes: Sequence[tuple[str, int]]) -> Iterator[str]:
    if nodes:
        named = ", ".join(f"{asset}@{version}" for asset, version in nodes[:_NAMED_VERSIONS])
        more = f" and {len(nodes) - _NAMED_VERSIONS:,} more" if len(nodes) > _NAMED_VERSIONS else ""
        yield f"{what}: {named}{more}"


def _done_lines(done: "RolledBack") -> Iterator[str]:
    yield f"done: {plural(len(done.receipts), 'version')} published in one snapshot"
    for entry in done.entries:
        yield (
            f"{plural(entry.n_rows, 'row')} of {entry.asset} in quarantine; look: `orchestrator quarantine show"
            f" {entry.id}`"
        )
    for entry in done.settled:
        yield f"quarantine entry {entry.id}: {entry.state}, {plural(entry.n_rows, 'row')}"


def _plan_json(plan: "RollbackPlan") -> dict[str, Any]:
    from ..operations.projections import FOLLOWING

    return {
        "subject": plan.subject,
        "steps": [vars(step) for step in plan.steps],
        "retracted": [f"{asset}@{version}" for asset, version in plan.retracted],
        "returned": [f"{asset}@{version}" for asset, version in plan.returned],
        "follows": list(FOLLOWING),
    }


def _done_json(done: "RolledBack | None") -> dict[str, Any]:
    if done is None:
        return {}
    snapshot = next((receipt.snapshot for receipt in done.receipts), None)
    return {"snapshot": snapshot, "quarantined": done.entries, "settled": done.settled}
