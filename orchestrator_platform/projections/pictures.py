"""Small SVG pictures for pages that render Markdown: a map of texts, and figures over versions. Reads nothing.

Whatever is written into one is escaped; a picture of two thousand points has some 20 kB.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

WIDTH, _HEIGHT, _MARGIN, _LEGEND = 640, 440, 24, 28
_GREY, _RED, _BLACK = "#8fa3bf", "#d62728", "#111111"
_COLOURS = ("#1f77b4", "#2ca02c", "#9467bd", "#d62728")
_PLOT_HEIGHT, _AXIS = 260, 44


def as_markdown(picture: str, says: str) -> str:
    """Returns an SVG as a Markdown image that carries its own data."""
    data = base64.b64encode(picture.encode("utf-8", "replace")).decode("ascii")
    words = "".join(c if c.isalnum() or c in " .,:@-_" else " " for c in says)
    return f"![{words}](data:image/svg+xml;base64,{data})"


def draw_map(
    places: "npt.NDArray[np.float32]",
    marked: "npt.NDArray[np.bool_]",
    legend: Sequence[str],
    named: Mapping[int, str],
) -> str:
    """Returns texts as dots.

    Args:
        places: Shape (n, 2).
        marked: Which of them are drawn in red, on top; shape (n,).
        legend: What a grey dot is, and what a red one is where there are some.
        named: Words beside some of the dots, by their row.
    """
    at = _in_picture(places)
    dots = [_dots(at[~marked], _GREY, 4), _dots(at[marked], _RED, 5)]
    words = [
        f'<circle cx="{at[row][0]}" cy="{at[row][1]}" r="8" fill="white" stroke="{_BLACK}"/>'
        f'<text x="{at[row][0]}" y="{at[row][1] + 4}" text-anchor="middle">{escape(text)}</text>'
        for row, text in named.items()
    ]
    told = [
        f'<text x="{_MARGIN + 300 * i}" y="{_HEIGHT - 10}" fill="{colour}">● '
        f'<tspan fill="{_BLACK}">{escape(text)}</tspan></text>'
        for i, (text, colour) in enumerate(zip(legend, (_GREY, _RED), strict=False))
    ]
    return picture(_HEIGHT, [*dots, *words, *told])


def draw_figures(versions: Sequence[int], figures: Mapping[str, Sequence[float]]) -> str:
    """Returns figures between 0 and 1, one line each, over versions; the axis begins a little below the least."""
    least = min((value for values in figures.values() for value in values), default=0.0)
    bottom = max(0.0, int(least * 10 - 0.5) / 10)
    right, floor = WIDTH - 110, _PLOT_HEIGHT - 32
    steps = max(len(versions) - 1, 1)
    xs = [round(_AXIS + (right - _AXIS) * (i / steps if len(versions) > 1 else 0.5), 1) for i in range(len(versions))]

    def height(value: float) -> float:
        return round(floor - (floor - 16) * (value - bottom) / (1 - bottom), 1)

    lines = [
        _line(name, xs, [height(value) for value in values], _COLOURS[i % len(_COLOURS)])
        for i, (name, values) in enumerate(figures.items())
    ]
    legend = [
        f'<text x="{right + 20}" y="{28 + 20 * i}" fill="{_COLOURS[i % len(_COLOURS)]}">{escape(name)}'
        f" {values[-1]:.3f}</text>"
        for i, (name, values) in enumerate(figures.items())
        if values
    ]
    return picture(_PLOT_HEIGHT, [*_grid(bottom, height, right), *_ticks(versions, xs), *lines, *legend])


def _in_picture(places: "npt.NDArray[np.float32]") -> "npt.NDArray[np.float64]":
    """Places stretched over the picture; the second axis points upwards. What is no number lies in the middle."""
    import numpy as np

    wide, high = WIDTH - 2 * _MARGIN, _HEIGHT - 2 * _MARGIN - _LEGEND
    if not len(places):
        return np.zeros((0, 2))
    known = np.nan_to_num(places.astype(np.float64), posinf=0, neginf=0)
    low, reach = known.min(axis=0), np.ptp(known, axis=0)
    share = np.where(reach > 0, (known - low) / np.where(reach > 0, reach, 1), 0.5)
    return np.round(np.column_stack([_MARGIN + share[:, 0] * wide, _MARGIN + (1 - share[:, 1]) * high]), 1)


def _dots(at: "npt.NDArray[np.float64]", colour: str, size: int) -> str:
    # One path of lines without length, whose round ends are the dots: a tenth of as many circles.
    path = "".join(f"M{x:g} {y:g}h0" for x, y in at)
    return f'<path d="{path}" stroke="{colour}" stroke-opacity=".7" stroke-width="{size}" stroke-linecap="round"/>'


def _line(name: str, xs: Sequence[float], ys: Sequence[float], colour: str) -> str:
    joined = " ".join(f"{x},{y}" for x, y in zip(xs, ys, strict=True))
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in zip(xs, ys, strict=True))
    title = f"<title>{escape(name)}</title>"
    return f'<g>{title}<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="1.5"/>{dots}</g>'


def _grid(bottom: float, height: Callable[[float], float], right: int) -> list[str]:
    marks = [bottom, round((bottom + 1) / 2, 2), 1.0]
    return [
        f'<line x1="{_AXIS}" x2="{right}" y1="{height(mark)}" y2="{height(mark)}" stroke="#dddddd"/>'
        f'<text x="{_AXIS - 6}" y="{height(mark) + 4}" text-anchor="end">{mark:g}</text>'
        for mark in marks
    ]


def _ticks(versions: Sequence[int], xs: Sequence[float]) -> list[str]:
    every = -(-len(versions) // 10) or 1
    shown = [i for i in range(len(versions)) if (len(versions) - 1 - i) % every == 0]
    return [f'<text x="{xs[i]}" y="{_PLOT_HEIGHT - 12}" text-anchor="middle">@{versions[i]}</text>' for i in shown]


def picture(height: int, parts: Sequence[str]) -> str:
    """Returns parts as one SVG of the common width."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        f' viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">'
    )
    return "".join([head, f'<rect width="{WIDTH}" height="{height}" fill="white"/>', *parts, "</svg>"])
