"""Small SVG pictures of counts: columns over days or versions, shares of values, bars by reason. Reads nothing.

Whatever is written into one is escaped. A picture of sixty days and eight values has some 15 kB.
"""

from collections.abc import Mapping, Sequence
from html import escape

from .pictures import WIDTH, picture

MOST_LABELS, MOST_SERIES, MOST_BARS = 60, 8, 20
_COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f")
_LEFT, _RIGHT, _TOP, _FLOOR, _HEIGHT = 58, WIDTH - 170, 14, 226, 258
_NAMES, _ROW = 250, 22
_LONGEST = 22


def draw_columns(labels: Sequence[str], series: Mapping[str, Sequence[int]], *, shares: bool = False) -> str:
    """Returns a column for each label, in which the series lie on each other; the newest labels where there are many.

    Args:
        series: Counts by name, one for each label.
        shares: Whether every column is as high as any other, so that only the shares in it count.
    """
    begin = max(len(labels) - MOST_LABELS, 0)
    shown = {name: list(counts[begin:]) for name, counts in list(series.items())[:MOST_SERIES]}
    totals = [sum(column) for column in zip(*shown.values(), strict=True)] if shown else []
    high = 1.0 if shares else float(max(totals, default=0) or 1)
    parts = [_rule(_at(part, high), _told(part, shares=shares)) for part in (0.0, high / 2, high)]
    parts += _labels(labels[begin:])
    heights = [0.0] * len(totals)
    for place, (name, counts) in enumerate(shown.items()):
        tops = [
            low + (count / (total or 1) if shares else count)
            for low, count, total in zip(heights, counts, totals, strict=True)
        ]
        colour = _COLOURS[place % len(_COLOURS)]
        parts.append(_path(heights, tops, high, colour))
        newest = _newest(counts, totals, shares=shares)
        parts.append(
            f'<rect x="{_RIGHT + 14}" y="{_TOP + 20 * place}" width="10" height="10" fill="{colour}"/>'
            f'<text x="{_RIGHT + 30}" y="{_TOP + 9 + 20 * place}">{escape(_short(name))} {newest}</text>'
        )
        heights = tops
    return picture(_HEIGHT, parts)


def draw_counts(counts: Mapping[str, int]) -> str:
    """Returns a bar for each name with its count, the greatest first; what is beyond twenty is one bar."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = dict(ranked[:MOST_BARS])
    if len(ranked) > MOST_BARS:
        shown[f"{len(ranked) - MOST_BARS:,} others"] = sum(count for _, count in ranked[MOST_BARS:])
    high, room = max(shown.values(), default=0) or 1, WIDTH - _NAMES - 80
    parts = []
    for row, (name, count) in enumerate(shown.items()):
        y, width = 6 + _ROW * row, max(room * count / high, 1)
        parts.append(
            f'<text x="{_NAMES - 8}" y="{y + 13}" text-anchor="end">{escape(_short(name, 34))}</text>'
            f'<rect x="{_NAMES}" y="{y + 2}" width="{width:.1f}" height="14" fill="{_COLOURS[0]}"/>'
            f'<text x="{_NAMES + width + 6:.1f}" y="{y + 13}">{count:,}</text>'
        )
    return picture(12 + _ROW * max(len(shown), 1), parts)


def _path(lows: Sequence[float], tops: Sequence[float], high: float, colour: str) -> str:
    """One path for the whole series: a tenth of as many rectangles."""
    step = (_RIGHT - _LEFT) / max(len(lows), 1)
    wide = max(min(step * 0.8, 48), 1)
    boxes = []
    for place, (low, top) in enumerate(zip(lows, tops, strict=True)):
        if top > low:
            left, upper, lower = _LEFT + step * (place + 0.5) - wide / 2, _at(top, high), _at(low, high)
            boxes.append(f"M{left:.1f} {upper:.1f}h{wide:.1f}V{lower:.1f}h-{wide:.1f}z")
    return f'<path d="{"".join(boxes)}" fill="{colour}"/>'


def _labels(labels: Sequence[str]) -> list[str]:
    step = (_RIGHT - _LEFT) / max(len(labels), 1)
    every = -(-len(labels) // 6) or 1
    return [
        f'<text x="{_LEFT + step * (place + 0.5):.1f}" y="{_FLOOR + 18}" text-anchor="middle">{escape(label)}</text>'
        for place, label in enumerate(labels)
        if (len(labels) - 1 - place) % every == 0
    ]


def _newest(counts: Sequence[int], totals: Sequence[int], *, shares: bool) -> str:
    if not counts:
        return ""
    return f"{counts[-1] / (totals[-1] or 1):.0%}" if shares else f"{counts[-1]:,}"


def _at(value: float, high: float) -> float:
    return round(_FLOOR - (_FLOOR - _TOP) * value / high, 1)


def _told(value: float, *, shares: bool) -> str:
    if shares:
        return f"{value:.0%}"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _rule(y: float, says: str) -> str:
    return (
        f'<line x1="{_LEFT}" x2="{_RIGHT}" y1="{y}" y2="{y}" stroke="#dddddd"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{says}</text>'
    )


def _short(name: str, longest: int = _LONGEST) -> str:
    return name if len(name) <= longest else f"{name[: longest - 1]}…"
