"""`orchestrator backup` and `orchestrator restore`: a home at another place, and back."""

from pathlib import Path

import click

from .json_text import json_text
from .place import FOLDER, Place, takes_place
from .text import plural, size


@click.command
@click.argument("to", type=FOLDER)
@click.option("--by", default="", metavar="NAME", help="The person who does it.")
@click.option("--verify", is_flag=True, help="Copy nothing; read the newest backup there again.")
@takes_place
def backup(place: Place, to: Path, by: str, verify: bool) -> None:
    """Copy the home to the folder TO while it is at work; what is there already is not copied again."""
    from ..operations import backup as operation
    from ..settings import load_settings

    settings = load_settings(place.home, place.project)
    if verify:
        name, found = operation.verify(to)
        n_bytes = sum(file.size_bytes for file in found.files)
        told = {"name": name, "n_files": len(found.files), "size_bytes": n_bytes, "verified": True}
        text = f"backup {name}: {plural(len(found.files), 'file')}, {size(n_bytes)}, read again and right"
    else:
        done = operation.back_up(settings, to, by=by)
        told = {
            "name": done.name, "is_new": done.is_new, "n_files": len(done.backup.files), "size_bytes": done.size_bytes,
            "n_copied": done.n_copied, "copied_bytes": done.copied_bytes, "snapshot": done.backup.snapshot,
        }  # fmt: skip
        text = f"nothing changed since backup {done.name}" if not done.is_new else (
            f"backup {done.name}: {plural(len(done.backup.files), 'file')}, {size(done.size_bytes)};"
            f" copied {plural(done.n_copied, 'file')}, {size(done.copied_bytes)}"
        )  # fmt: skip
    click.echo(json_text(told) if place.as_json else text)


@click.command
@click.argument("source", metavar="FROM", type=FOLDER)
@click.option("--backup", "name", default="", metavar="NAME", help="Which one; by default the newest.")
@click.option("--by", default="", metavar="NAME", help="The person who does it.")
@click.option("--dry-run", is_flag=True, help="Read the backup again and say what it holds; restore nothing.")
@takes_place
def restore(place: Place, source: Path, name: str, by: str, dry_run: bool) -> None:
    """Make the home, which must be empty, from a backup in the folder FROM. With --home NEW it is made there."""
    from ..operations.restore import restore as restore_home
    from ..operations.restore import try_restore
    from ..settings import load_settings

    settings = load_settings(place.home, place.project)
    done = try_restore(settings, source, name=name) if dry_run else restore_home(settings, source, name=name, by=by)
    told = {
        "done": not dry_run, "name": done.name, "home": str(done.home), "n_files": len(done.backup.files),
        "size_bytes": done.size_bytes, "snapshot": done.backup.snapshot,
    }  # fmt: skip
    verb = "would be restored" if dry_run else "restored"
    held = f"{plural(len(done.backup.files), 'file')}, {size(done.size_bytes)}, snapshot {done.backup.snapshot}"
    click.echo(json_text(told) if place.as_json else f"{verb} from backup {done.name}: {held}, as {done.home}")
