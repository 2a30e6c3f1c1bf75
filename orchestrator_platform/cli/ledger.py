"""`orchestrator ledger`: what became of every landed file."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from .json_text import json_lines
from .place import Place, takes_place
from .text import count, plural, table

if TYPE_CHECKING:
    from ..records.ledger import LedgerEntry

_FIELDS = (
    "source",
    "file",
    "n_rows",
    "n_published",
    "n_quarantined",
    "n_duplicate",
    "version",
    "state",
    "file_sha256",
    "landed_at",
)
_LISTED_FILES = 10
_HEADERS = ("source", "file", "rows", "published", "quarantined", "duplicate", "version", "state")


@click.command
@click.argument("source", required=False)
@takes_place
def ledger(place: Place, source: str | None) -> None:
    """Show what became of every landed file.

    Of SOURCE, by default of all sources.
    """
    from ..operations.records_of import ledger as read_ledger

    entries = read_ledger(place.platform(), source)
    if place.as_json:
        for text in json_lines(_as_json(entry) for entry in entries):
            click.echo(text, nl=False)
    elif not entries:
        click.echo(f"Nothing has been landed{f' of {source}' if source else ''} yet.")
    else:
        click.echo(f"{ledger_table(entries)}\n{sum_line(entries)}")


def ledger_table(entries: "Sequence[LedgerEntry]") -> str:
    """Returns a line per file, in the order given."""
    return table(_HEADERS, [_row(entry) for entry in entries], right=(2, 3, 4, 5, 6))


def ledger_excerpt(entries: "Sequence[LedgerEntry]") -> str:
    """Returns the table and its sum; of many files only those that were not published whole are listed."""
    if len(entries) == 1:
        return ledger_table(entries)
    listed = entries if len(entries) <= _LISTED_FILES else [e for e in entries if e.n_published < e.n_rows]
    lines = [ledger_table(listed[:_LISTED_FILES])] if listed else []
    if len(listed) > _LISTED_FILES:
        left = plural(len(listed) - _LISTED_FILES, "more file")
        lines.append(f"… and {left} not published whole: `orchestrator ledger {entries[0].source}`")
    return "\n".join([*lines, sum_line(entries)])


def sum_line(entries: "Sequence[LedgerEntry]") -> str:
    """Returns the sum over all files: what came in is what is accounted for."""
    total = {name: sum(getattr(entry, name) for entry in entries) for name in _FIELDS[2:6]}
    return (
        f"{plural(len(entries), 'file')}: {plural(total['n_rows'], 'row')} = {count(total['n_published'])} published"
        f" + {count(total['n_quarantined'])} quarantined + {count(total['n_duplicate'])} duplicate"
    )


def _row(entry: "LedgerEntry") -> tuple[str, ...]:
    counts = (count(getattr(entry, name)) for name in _FIELDS[2:6])
    return (entry.source, entry.file, *counts, count(entry.version), entry.state)


def _as_json(entry: "LedgerEntry") -> dict[str, Any]:
    dumped = entry.model_dump(mode="json")
    return {name: dumped[name] for name in _FIELDS}
