"""`orchestrator gc`: frees what the retention policy no longer keeps, and says before what that is."""

from typing import TYPE_CHECKING

import click

from .acting import takes_by
from .json_text import json_text
from .place import Place, takes_place
from .text import plural, size

if TYPE_CHECKING:
    from ..records.upkeep import GcPlan


@click.command
@takes_by
@click.option("--dry-run", is_flag=True, help="Say what would be freed; free nothing.")
@takes_place
def gc(place: Place, by: str, dry_run: bool) -> None:
    """Free old versions, rejected candidates and what killed runs left behind.

    Heads, releases, what a rollback or an approval may need, and what living processes use stay. The policy is
    [tool.orchestrator.retention] in pyproject.toml.
    """
    from ..operations.gc import collect_garbage, plan_gc

    platform = place.platform()
    if dry_run:
        plan = plan_gc(platform, by=by)
        click.echo(json_text({"done": False, "plan": plan}) if place.as_json else _told(plan, "would be freed"))
        return
    collected = collect_garbage(platform, by=by)
    if place.as_json:
        click.echo(json_text({"done": True, **dict(collected)}))
        return
    click.echo(_told(collected.plan, "freed"))
    if not collected.plan.changes_nothing:
        read = ", ".join(f"{item.asset}@{item.version}" for item in collected.rehashed)
        hours = platform.settings.retention.reader_hours
        click.echo(f"{size(collected.freed_bytes)} are free now" + (f"; read again and right: {read}" if read else ""))
        if collected.later_bytes:
            click.echo(
                f"{size(collected.later_bytes)} go with a run of gc {hours:g} hours from now: readers may need them"
            )


def _told(plan: "GcPlan", freed: str) -> str:
    if plan.changes_nothing:
        return "Nothing is to be freed."
    assets = sorted({item.asset for item in plan.versions})
    counted = f"{plural(len(plan.versions), 'version')} of {plural(len(assets), 'asset')}"
    files = f"{plural(plan.n_files, 'file')}, {size(plan.size_bytes)}"
    lines = [f"{freed}: {counted}, {files}; {plural(plan.n_versions_kept, 'version')} kept"]
    lines += [f"  {asset}: {_versions(plan, asset)}" for asset in assets]
    if plan.n_due:
        lines.append(f"  given up by earlier runs: {plural(plan.n_due, 'file')}, {size(plan.due_bytes)}")
    if plan.n_orphans:
        lines.append(f"  no version ever showed: {plural(plan.n_orphans, 'file')}, {size(plan.orphan_bytes)}")
    lines += [f"  rejected candidate {item.entry} of {item.asset}: {size(item.size_bytes)}" for item in plan.candidates]
    lines += [f"  {_kind(item.name)}: {item.name}, {size(item.size_bytes)}" for item in plan.folders]
    lines += [f"  many files become one: {asset}" for asset in plan.compacted]
    return "\n".join(lines)


def _kind(folder: str) -> str:
    return "a copy that serves nobody" if folder.startswith("projections/") else "left by a killed run"


def _versions(plan: "GcPlan", asset: str) -> str:
    numbers = sorted(item.version for item in plan.versions if item.asset == asset)
    if len(numbers) == numbers[-1] - numbers[0] + 1:
        return f"{numbers[0]}–{numbers[-1]}"
    return ", ".join(map(str, numbers))
