"""A difference as Markdown for a comment: tables, values as code so that nothing in them is acted on."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .text import count, visible

if TYPE_CHECKING:
    from ..records.diffs import TableDiff


def markdown_lines(found: "TableDiff") -> Iterator[str]:
    """Yields the lines of the comment."""
    unaudited = " (which no audit approved)" if found.after.candidate is not None else ""
    yield f"### {code(found.asset)}: {found.before.name} → {found.after.name}{unaudited}"
    yield ""
    rows = f"{count(found.before.n_rows)} → {count(found.after.n_rows)} rows"
    if found.is_empty:
        yield f"No difference; {rows}."
        return
    by = ", ".join(code(name) for name in found.grain) or "whole rows"
    yield (
        f"**{count(found.n_added)} added, {count(found.n_removed)} removed, {count(found.n_changed)} changed**;"
        f" {rows}, compared by {by}."
    )
    for change in found.schema_changes:
        types = " → ".join(code(type_) for type_ in (change.before, change.after) if type_ is not None)
        yield f"\n- column {code(change.column)} {change.verb}: {types}"
    yield from _columns(found)
    yield from _rows("added", found.n_added, found.added)
    yield from _rows("removed", found.n_removed, found.removed)
    yield from _changed(found)


def _columns(found: "TableDiff") -> Iterator[str]:
    changed = [column for column in found.columns if column.n_changed]
    if changed:
        yield from markdown_table(
            ("column", "changed", "null", "lowest", "highest"),
            [
                (
                    code(column.name),
                    count(column.n_changed),
                    f"{count(column.before.n_null)} → {count(column.after.n_null)}",
                    f"{code(column.before.lowest)} → {code(column.after.lowest)}",
                    f"{code(column.before.highest)} → {code(column.after.highest)}",
                )
                for column in changed
            ],
        )


def _rows(kind: str, total: int, rows: "Sequence[dict[str, str | None]]") -> Iterator[str]:
    if rows:
        yield f"\n{_heading(kind, total, len(rows))}"
        yield from markdown_table(
            [code(name) for name in rows[0]], [[code(value) for value in row.values()] for row in rows]
        )


def _changed(found: "TableDiff") -> Iterator[str]:
    if found.changed:
        yield f"\n{_heading('changed', found.n_changed, len(found.changed))}"
        yield from markdown_table(
            [*(code(name) for name in found.grain), "column", "before", "after"],
            [
                [*(code(row.key[name]) for name in found.grain), code(name), code(value), code(row.after[name])]
                for row in found.changed
                for name, value in row.before.items()
            ],
        )


def _heading(kind: str, total: int, shown: int) -> str:
    return f"{count(total)} {kind}" + (f", the first {shown}:" if total > shown else ":")


def markdown_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yields an empty line and the lines of a table; its cells are Markdown already."""
    yield ""
    for cells in (headers, ["---"] * len(headers), *rows):
        yield f"| {' | '.join(cells)} |"


def code(value: str | None) -> str:
    """Returns a value as code; longer fences hold backticks, and a bar would end the cell even in code."""
    if value is None:
        return "–"
    text = visible(value).replace("|", "\\|")
    runs = max((len(run) for run in _backtick_runs(text)), default=0)
    fence = "`" * (runs + 1)
    space = " " if not text.strip("`") or text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text or ' '}{space}{fence}"


def _backtick_runs(text: str) -> Iterator[str]:
    run = ""
    for char in f"{text} ":
        if char == "`":
            run += char
        elif run:
            yield run
            run = ""
