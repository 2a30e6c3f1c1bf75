"""Small SVG pictures of models: figures over months, cells of a table, calibration, confusion, bars. Reads nothing.

Whatever is written into one is escaped. Values that are not known leave a gap.
"""

from collections.abc import Mapping, Sequence
from html import escape
from math import isfinite

from .pictures import WIDTH, picture

_COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b")
_LEFT, _RIGHT, _TOP, _FLOOR, _HEIGHT = 44, WIDTH - 150, 16, 228, 260
_NAMES, _CELL, _HEADER = 190, 22, 26
_SQUARE = 300
_LONGEST_NAME = 28


def draw_series(labels: Sequence[str], series: Mapping[str, Sequence[float | None]]) -> str:
    """Returns lines over labels such as months, one for each name, with the newest values beside them."""
    known = [value for values in series.values() for value in values if value is not None and isfinite(value)]
    low, high = _range(known)
    xs = _spread(len(labels), _LEFT, _RIGHT)

    def height(value: float) -> float:
        return round(_FLOOR - (_FLOOR - _TOP) * (value - low) / (high - low), 1)

    parts = [_rule(height(mark), f"{mark:.3g}") for mark in (low, (low + high) / 2, high)]
    every = -(-len(labels) // 8) or 1
    parts += [
        f'<text x="{xs[i]}" y="{_HEIGHT - 12}" text-anchor="middle">{escape(label)}</text>'
        for i, label in enumerate(labels)
        if (len(labels) - 1 - i) % every == 0
    ]
    for place, (name, values) in enumerate(series.items()):
        colour = _COLOURS[place % len(_COLOURS)]
        points = [
            (x, height(value)) for x, value in zip(xs, values, strict=True) if value is not None and isfinite(value)
        ]
        joined = " ".join(f"{x},{y}" for x, y in points)
        newest = next((f" {value:.3f}" for value in reversed(values) if _is_known(value)), "")
        parts.append(f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in points]
        parts.append(f'<text x="{_RIGHT + 12}" y="{28 + 20 * place}" fill="{colour}">{escape(name)}{newest}</text>')
    return picture(_HEIGHT, parts)


def draw_cells(
    names: Sequence[str], labels: Sequence[str], values: Mapping[tuple[str, str], tuple[float, float | None]]
) -> str:
    """Returns a table of coloured cells, a row for each name: the fuller the red, the nearer to the limit or beyond it.

    Args:
        values: Value and limit by name and label.
    """
    width = min(90.0, (WIDTH - _NAMES - 8) / max(len(labels), 1))
    parts = [
        f'<text x="{_NAMES + width * (i + 0.5):.1f}" y="16" text-anchor="middle">{escape(label)}</text>'
        for i, label in enumerate(labels)
    ]
    for row, name in enumerate(names):
        y = _HEADER + _CELL * row
        parts.append(f'<text x="{_NAMES - 8}" y="{y + 15}" text-anchor="end">{escape(_short(name))}</text>')
        for column, label in enumerate(labels):
            value, limit = values.get((name, label), (float("nan"), None))
            if isfinite(value):
                parts.append(_cell(_NAMES + width * column, y, width, value, limit))
    return picture(_HEADER + _CELL * len(names) + 8, parts)


def draw_calibration(bins: Sequence[tuple[float, float, int]]) -> str:
    """Returns how often what was predicted was so: mean probability, observed share and count of each bin."""
    side, left = _SQUARE - 60, 50

    def at(predicted: float, observed: float) -> tuple[float, float]:
        return round(left + side * predicted, 1), round(_TOP + side * (1 - observed), 1)

    (x0, y0), (x1, y1) = at(0, 0), at(1, 1)
    parts = [
        f'<rect x="{x0}" y="{y1}" width="{side}" height="{side}" fill="none" stroke="#dddddd"/>',
        f'<line x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}" stroke="#8fa3bf" stroke-dasharray="4 4"/>',
        *(f'<text x="{x0 - 6}" y="{at(0, m)[1] + 4}" text-anchor="end">{m:g}</text>' for m in (0, 0.5, 1)),
        *(f'<text x="{at(m, 0)[0]}" y="{y0 + 16}" text-anchor="middle">{m:g}</text>' for m in (0, 0.5, 1)),
        f'<text x="{x0 + side / 2}" y="{y0 + 34}" text-anchor="middle">predicted probability</text>',
        f'<text x="{x1 + 24}" y="{y1 + 12}">observed share, one dot for each bin;</text>',
        f'<text x="{x1 + 24}" y="{y1 + 28}">on the dashed line is calibrated</text>',
    ]
    points = [at(predicted, observed) for predicted, observed, n in bins if n]
    joined = " ".join(f"{x},{y}" for x, y in points)
    parts.append(f'<polyline points="{joined}" fill="none" stroke="{_COLOURS[0]}" stroke-width="1.5"/>')
    parts += [f'<circle cx="{x}" cy="{y}" r="4" fill="{_COLOURS[0]}"/>' for x, y in points]
    return picture(_SQUARE + 10, parts)


def draw_confusion(classes: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """Returns how many examples of each class, a row each, were called which, a column each."""
    width = min(110.0, (WIDTH - _NAMES - 8) / max(len(classes), 1))
    parts = [f'<text x="{_NAMES}" y="14">called</text>']
    parts += [
        f'<text x="{_NAMES + width * (i + 0.5):.1f}" y="32" text-anchor="middle">{escape(_short(name, 14))}</text>'
        for i, name in enumerate(classes)
    ]
    for row, (name, found) in enumerate(zip(classes, counts, strict=True)):
        y, n = 40 + 36 * row, max(sum(found), 1)
        parts.append(f'<text x="{_NAMES - 8}" y="{y + 22}" text-anchor="end">{escape(_short(name))}</text>')
        for column, count in enumerate(found):
            share = count / n
            x = _NAMES + width * column
            parts.append(
                f'<rect x="{x:.1f}" y="{y}" width="{width - 2:.1f}" height="34" fill="{_COLOURS[0]}"'
                f' fill-opacity="{0.08 + 0.6 * share:.2f}"/><text x="{x + width / 2:.1f}" y="{y + 15}"'
                f' text-anchor="middle">{count:,}</text><text x="{x + width / 2:.1f}" y="{y + 29}"'
                f' text-anchor="middle" font-size="10">{share:.0%}</text>'
            )
    return picture(48 + 36 * len(classes), parts)


def draw_bars(bars: Mapping[str, tuple[float, float]]) -> str:
    """Returns a bar for each name, with how far its value may be off: value and standard deviation."""
    known = {name: pair for name, pair in bars.items() if _is_known(pair[0])}
    low = min((value - off for value, off in known.values()), default=0.0)
    high = max((value + off for value, off in known.values()), default=0.0)
    low, high = min(low, 0.0), max(high, 0.0)
    room = WIDTH - _NAMES - 70

    def at(value: float) -> float:
        return round(_NAMES + room * (value - low) / ((high - low) or 1), 1)

    parts = []
    for row, (name, (value, off)) in enumerate(known.items()):
        y = 8 + _CELL * row
        begins, ends = sorted((at(0), at(value)))
        parts.append(
            f'<text x="{_NAMES - 8}" y="{y + 13}" text-anchor="end">{escape(_short(name))}</text>'
            f'<rect x="{begins}" y="{y + 2}" width="{ends - begins:.1f}" height="14" fill="{_COLOURS[0]}"/>'
            f'<line x1="{at(value - off)}" x2="{at(value + off)}" y1="{y + 9}" y2="{y + 9}" stroke="#111111"/>'
            f'<text x="{at(max(value + off, 0)) + 6}" y="{y + 13}">{value:.4f}</text>'
        )
    return picture(16 + _CELL * len(known), parts)


def _cell(x: float, y: int, width: float, value: float, limit: float | None) -> str:
    fullness = 0.0 if limit is None else min(value / limit, 1.0) if limit > 0 else 0.0
    beyond = limit is not None and value > limit
    colour = "#d62728" if beyond else "#f4a582"
    return (
        f'<rect x="{x:.1f}" y="{y}" width="{width - 2:.1f}" height="{_CELL - 2}" fill="{colour}"'
        f' fill-opacity="{1.0 if beyond else 0.7 * max(fullness, 0.0):.2f}" stroke="#eeeeee"/>'
        f'<text x="{x + width / 2:.1f}" y="{y + 14}" text-anchor="middle" font-size="10">{value:.2f}</text>'
    )


def _rule(y: float, says: str) -> str:
    return (
        f'<line x1="{_LEFT}" x2="{_RIGHT}" y1="{y}" y2="{y}" stroke="#dddddd"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{says}</text>'
    )


def _range(known: Sequence[float]) -> tuple[float, float]:
    low, high = min(known, default=0.0), max(known, default=1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _spread(n: int, left: float, right: float) -> list[float]:
    steps = max(n - 1, 1)
    return [round(left + (right - left) * (i / steps if n > 1 else 0.5), 1) for i in range(n)]


def _short(name: str, longest: int = _LONGEST_NAME) -> str:
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def _is_known(value: float | None) -> bool:
    return value is not None and isfinite(value)
