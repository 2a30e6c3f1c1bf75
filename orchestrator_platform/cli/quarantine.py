"""`orchestrator quarantine list` and `show N`: what waits, why, where its rows are found, what can be done."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from .deciding import discard, replay
from .findings import failure_lines, findings_table
from .json_text import json_lines, json_text
from .listing import Listing
from .place import Place, takes_place
from .text import count, labelled, plural, table

if TYPE_CHECKING:
    from pathlib import Path

    from ..operations.records_of import QuarantineView
    from ..records.candidates import Manifest
    from ..records.ledger import QuarantineEntry

_HEADERS = ("number", "kind", "asset", "state", "rows", "since", "reasons")
_SHOWN_ROWS = 100


@click.group(cls=Listing)
def quarantine() -> None:
    """Look at rejected rows and rejected candidates, and decide what becomes of them."""


quarantine.add_command(discard)
quarantine.add_command(replay)


@quarantine.command("list")
@takes_place
def list_(place: Place) -> None:
    """List what waits, or waited, in quarantine."""
    from ..operations.records_of import quarantine as read_quarantine

    entries = read_quarantine(place.platform())
    if place.as_json:
        for text in json_lines(entries):
            click.echo(text, nl=False)
    elif not entries:
        click.echo("Nothing is in quarantine.")
    else:
        click.echo(table(_HEADERS, [_row(entry) for entry in entries], right=(0, 4), whole=(5,)))


@quarantine.command
@click.argument("number", type=click.IntRange(min=0))
@click.option("--limit", type=click.IntRange(min=1), default=_SHOWN_ROWS, show_default=True, help="Addresses shown.")
@takes_place
def show(place: Place, number: int, limit: int) -> None:
    """Show entry NUMBER: the addresses of its rows, or the findings on its candidate."""
    from ..operations.records_of import quarantine_entry

    platform = place.platform()
    view = quarantine_entry(platform, number, limit)
    if place.as_json:
        click.echo(json_text(vars(view)))
    else:
        click.echo("\n".join(_view_lines(view, platform.settings.home.candidates)))


def _row(entry: "QuarantineEntry") -> tuple[Any, ...]:
    since = f"{entry.since:%Y-%m-%d %H:%M:%S}Z"
    return (entry.id, entry.kind, entry.asset, entry.state, count(entry.n_rows), since, _reasons(entry))


def _reasons(entry: "QuarantineEntry") -> str:
    return ", ".join(f"{number:,} × {reason}" if number else reason for reason, number in entry.reasons.items())


def _view_lines(view: "QuarantineView", candidates: "Path") -> Iterator[str]:
    entry = view.entry
    yield labelled(
        (
            ("number", entry.id),
            ("asset", entry.asset),
            ("what", _what(entry)),
            ("state", entry.state),
            ("since", f"{entry.since:%Y-%m-%d %H:%M:%S}Z"),
            ("reasons", _reasons(entry)),
        )
    )
    yield ""
    if entry.kind == "rows":
        yield _addresses(view)
    elif entry.kind == "retracted":
        yield from _retracted_lines(view)
    else:
        yield from _candidate_lines(view, candidates)
    yield from _commands(view)


def _commands(view: "QuarantineView") -> Iterator[str]:
    """What can be decided on the entry, as commands to copy."""
    entry = view.entry
    if entry.state != "waiting":
        return
    yield ""
    if view.verdict is not None and view.verdict.decision == "escalate":
        yield f"approve with: orchestrator approve {entry.id} --why TEXT"
    if entry.kind != "candidate" or view.manifest is not None:
        yield f"replay with: orchestrator quarantine replay {entry.id}"
    yield f"discard with: orchestrator quarantine discard {entry.id} --why TEXT"


def _what(entry: "QuarantineEntry") -> str:
    rows = plural(entry.n_rows, "row")
    return {"rows": f"{rows} of landed files", "retracted": f"{rows} of versions that were rolled back"}.get(
        entry.kind, "a candidate"
    )


def _retracted_lines(view: "QuarantineView") -> Iterator[str]:
    from .ledger import ledger_table

    if not view.files:
        yield "Its rows serve again."
        return
    yield ledger_table(view.files)
    newest = max(entry.version or 0 for entry in view.files)
    yield f"bring them back: `orchestrator rollback {view.entry.asset} --to {newest} --why TEXT`"


def _addresses(view: "QuarantineView") -> str:
    if view.entry.state == "replayed":
        return "Its rows are published: the ledger says in which version."
    headers = ("file", "line", "position", "rule", "reason", "sha256")
    rows = [
        (row.file, "whole file" if row.line is None else row.line, row.position, row.rule, row.reason, row.file_sha256)
        for row in view.rows
    ]
    shown = table(headers, rows, right=(1,))
    left = sum(view.entry.reasons.values()) - len(rows)
    return f"{shown}\n({count(left)} more: --limit N)" if left > 0 else shown


def _change(manifest: "Manifest") -> str:
    return f"{count(manifest.n_rows)} (+{count(manifest.n_inserted)} −{count(manifest.n_deleted)})"


def _candidate_lines(view: "QuarantineView", candidates: "Path") -> Iterator[str]:
    if view.manifest is None or view.verdict is None:
        yield "The candidate's files are not there any more; what is left is said above."
        return
    yield labelled(
        (
            ("candidate", view.manifest.id),
            ("files", candidates / view.manifest.id),
            ("rows", _change(view.manifest)),
            ("base version", view.manifest.base_version or "none"),
            ("producer", view.manifest.producer),
            ("auditor", view.verdict.auditor),
            ("decision", view.verdict.decision),
        )
    )
    yield ""
    yield findings_table(view.verdict.findings)
    yield ""
    yield from failure_lines(view.verdict.findings)
