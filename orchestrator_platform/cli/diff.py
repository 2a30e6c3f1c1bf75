"""`orchestrator diff`: what changed between two versions, or would change with a candidate."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from .diff_markdown import markdown_lines
from .json_text import json_text
from .place import Place, takes_place
from .progress import Progress
from .text import count, labelled, shorten, table, terminal_width

if TYPE_CHECKING:
    from ..records.diffs import ColumnDiff, TableDiff

_HEADERS = ("column", "changed", "null", "distinct", "lowest", "highest")
_LINE_WIDTH = 200


@click.command
@click.argument("asset")
@click.option("--from", "before", type=click.IntRange(min=1), help="The earlier version; else the one before.")
@click.option("--to", "after", metavar="V|candidate:N", help="The later version, or a candidate; else what serves.")
@click.option("--markdown", is_flag=True, help="Print Markdown, for a comment on a change.")
@takes_place
def diff(place: Place, asset: str, before: int | None, after: str | None, markdown: bool) -> None:
    """Show which rows, values and columns of ASSET differ between two versions."""
    if markdown and place.as_json:
        raise click.UsageError("--json and --markdown exclude each other.")
    version, candidate = _target(after)
    with Progress() as progress:
        progress.say(f"comparing {asset}")
        found = place.platform().diff(asset, from_version=before, to_version=version, candidate=candidate)
    if place.as_json:
        click.echo(json_text(found))
    else:
        click.echo("\n".join(markdown_lines(found) if markdown else _text_lines(found)))


def _target(text: str | None) -> tuple[int | None, int | None]:
    """A version or a candidate: at most one of them."""
    if text is None:
        return None, None
    if text.isascii() and text.isdigit() and int(text):
        return int(text), None
    if not text.startswith("candidate:"):
        raise click.UsageError(f"--to takes a version, as in 3, or a candidate, as in candidate:7, not {text!r}.")
    from ..operations.candidates import parse_candidate

    number, asset = parse_candidate(text)
    if asset:
        raise click.UsageError(f"--to takes the number alone: candidate:{number}.")
    return None, number


def _text_lines(found: "TableDiff") -> Iterator[str]:
    yield labelled(
        (
            ("asset", found.asset),
            ("compared", f"{found.before.name} → {found.after.name}{_unaudited(found)}"),
            ("by", ", ".join(found.grain) or "whole rows"),
            ("rows", f"{count(found.before.n_rows)} → {count(found.after.n_rows)}"),
            ("difference", _difference(found)),
            ("columns", "; ".join(_schema_change(change) for change in found.schema_changes)),
        )
    )
    if found.columns and (found.n_added or found.n_removed or found.n_changed):
        yield "\nvalues in the rows that differ"
        yield table(_HEADERS, [_column_row(column) for column in found.columns], right=(1,))
    yield from _samples("added", found.n_added, [json_text(row) for row in found.added])
    yield from _samples("removed", found.n_removed, [json_text(row) for row in found.removed])
    yield from _samples("changed", found.n_changed, [_changed(row) for row in found.changed])


def _unaudited(found: "TableDiff") -> str:
    return ", which no audit approved" if found.after.candidate is not None else ""


def _difference(found: "TableDiff") -> str:
    if found.is_empty:
        return "none"
    return f"{count(found.n_added)} added, {count(found.n_removed)} removed, {count(found.n_changed)} changed"


def _schema_change(change: Any) -> str:
    match change.verb:
        case "added":
            return f"{change.column} {change.after} added"
        case "dropped":
            return f"{change.column} {change.before} dropped"
        case _:
            return f"{change.column} {change.before} → {change.after}"


def _column_row(column: "ColumnDiff") -> tuple[object, ...]:
    before, after = column.before, column.after
    pairs = (
        (count(before.n_null), count(after.n_null)),
        (count(before.n_distinct), count(after.n_distinct)),
        (before.lowest, after.lowest),
        (before.highest, after.highest),
    )
    return (column.name, count(column.n_changed), *(_both(*pair) for pair in pairs))


def _both(before: str | None, after: str | None) -> str:
    if before == after:
        return before or ""
    return f"{before or '–'} → {after or '–'}"


def _samples(kind: str, total: int, lines: list[str]) -> Iterator[str]:
    if not lines:
        return
    shown = f", the first {len(lines)}" if total > len(lines) else ""
    yield f"\n{count(total)} {kind}{shown}"
    limit = (terminal_width() or _LINE_WIDTH) - 2
    yield from (f"  {shorten(line, limit)}" for line in lines)


def _changed(row: Any) -> str:
    values = (f"{name}: {json_text(row.before[name])} → {json_text(row.after[name])}" for name in row.before)
    return f"{json_text(row.key)}  {', '.join(values)}"
