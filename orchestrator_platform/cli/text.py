"""Text for a person's terminal: every character visible, every cell bounded, columns aligned. Knows no command."""

import shutil
import sys
import unicodedata
from collections.abc import Collection, Sequence
from typing import Any

CELL_LIMIT = 100
WIDE = 100
_LEAST_WIDTH = 8


def visible(value: object) -> str:
    """Returns the text with everything that a terminal would act on, or not show, written as an escape."""
    text = str(value)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def visible_lines(text: str) -> str:
    """Returns the text made visible line by line: a message of ours may have several."""
    return "\n".join(visible(line) for line in text.split("\n"))


def shorten(value: object, limit: int = CELL_LIMIT) -> str:
    """Returns the value visible and at most `limit` cells wide, with … where something was left out."""
    text = str(value)
    # A field may hold megabytes; what cannot be shown is not looked at.
    shown = visible(text[: limit + 1])
    if len(text) <= limit and width(shown) <= limit:
        return shown
    kept, cells = [], 0
    for char in shown:
        cells += _cells(char)
        if cells >= limit:
            break
        kept.append(char)
    return "".join(kept) + "…"


def count(number: int | None) -> str:
    """Returns 12515 as 12,515, and nothing for nothing."""
    return "" if number is None else f"{number:,}"


def plural(number: int, noun: str) -> str:
    """Returns `1 row`, `12,515 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(n_bytes: int) -> str:
    """Returns `0 bytes`, `12.5 kB`, `3.2 GB`."""
    number, unit = float(n_bytes), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if number < 1000:
            break
        number, unit = number / 1000, larger
    return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"


def width(text: str) -> int:
    """Returns how many cells of a terminal the text takes."""
    return len(text) if text.isascii() else sum(_cells(char) for char in text)


def table(
    headers: Sequence[str],
    rows: Sequence[Sequence[Any]],
    right: Sequence[int] = (),
    at_most: int | None = None,
    whole: Sequence[int] = (),
) -> str:
    """Returns an aligned table: one line of headers, one of rules, one line per row.

    In a terminal the widest columns give way until a row fits; elsewhere the text depends on nothing
    but the data.

    Args:
        right: Indexes of the columns that are aligned to the right.
        at_most: How wide a row may be where there is no terminal; by default as wide as the data.
        whole: Indexes of the columns that never give way, such as times. Those to the right never do either.
    """
    cells = [[shorten("" if cell is None else cell) for cell in row] for row in (headers, *rows)]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    terminal = terminal_width() or at_most
    if terminal is not None:
        widths = _fitted(widths, terminal, {*right, *whole})
        cells = [[shorten(cell, widths[index]) for index, cell in enumerate(row)] for row in cells]
    rule = ["─" * size for size in widths]
    return "\n".join(_line(row, widths, right) for row in (cells[0], rule, *cells[1:]))


def labelled(pairs: Sequence[tuple[str, object]]) -> str:
    """Returns one line per pair, labels aligned; pairs without a value are left out."""
    kept = [(label, str(value)) for label, value in pairs if value not in (None, "")]
    size = max((len(label) for label, _ in kept), default=0)
    return "\n".join(f"{label.ljust(size)}  {visible(value)}" for label, value in kept)


def terminal_width() -> int | None:
    """Returns the width of the terminal that stdout is, `None` where it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _fitted(widths: Sequence[int], terminal: int, whole: Collection[int]) -> list[int]:
    fitted = list(widths)
    giving = [index for index in range(len(fitted)) if index not in whole]
    while sum(fitted) + 2 * (len(fitted) - 1) > terminal and giving:
        widest = max(giving, key=lambda index: fitted[index])
        if fitted[widest] <= _LEAST_WIDTH:
            break
        fitted[widest] -= 1
    return fitted


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[int]) -> str:
    padded = [_padded(cell, widths[index], index in right) for index, cell in enumerate(cells)]
    return "  ".join(padded).rstrip()


def _padded(cell: str, size: int, to_the_right: bool) -> str:
    space = " " * (size - width(cell))
    return space + cell if to_the_right else cell + space


def _cells(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
