"""Writes what was measured of index settings as Markdown with a plot and as JSON, by the version that it was measured
on, and finds it again. Measures nothing."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..records.keys import AssetKey, Version
from ..records.tunings import Measured, Tuning
from ..settings import Home
from ..storage import writing

REPORT, PLOT, DATA = "report.md", "plot.svg", "tuning.json"
_WIDTH, _HEIGHT, _MARGIN = 640, 400, 56
_HEADERS = (
    "ef", "ef_construction", "max_connections", "quantization", "recall", "p50 ms", "p95 ms", "import s", "memory MB"
)  # fmt: skip
_COLOURS = {"none": "#1f77b4", "rq": "#2ca02c", "sq": "#9467bd", "pq": "#8c564b", "bq": "#d62728"}


@dataclass(frozen=True)
class Evidence:
    """A report, and what was measured for it."""

    report: Path
    tuning: Tuning


def write_report(tuning: Tuning, home: Home, now: datetime) -> Path:
    """Writes the report's files beside the others of the same version, and returns the report."""
    folder = _folder(home, tuning.asset, tuning.version) / f"{now:%Y%m%dT%H%M%S}"
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / DATA).write_text(tuning.model_dump_json(indent=1), encoding="utf-8")
        (folder / PLOT).write_text(draw(tuning), encoding="utf-8")
        (folder / REPORT).write_text(describe(tuning), encoding="utf-8")
    return folder / REPORT


def read_evidence(home: Home, asset: AssetKey, version: Version) -> tuple[Evidence, ...]:
    """Returns what was measured on a version, oldest first; what cannot be read is left out."""
    found = []
    for file in sorted(_folder(home, asset, version).glob(f"*/{DATA}")):
        with suppress(OSError, ValueError):
            found.append(Evidence(file.with_name(REPORT), Tuning.model_validate_json(file.read_bytes())))
    return tuple(found)


def _folder(home: Home, asset: AssetKey, version: Version) -> Path:
    return home.evidence / "tuning" / asset / f"v{version}"


def describe(tuning: Tuning) -> str:
    """Returns the report as Markdown."""
    front = set(map(id, tuning.front))
    rows = [_row(one, on_front=id(one) in front) for one in sorted(tuning.measured, key=lambda one: one.p95_ms)]
    return "\n".join(
        [
            f"# Index settings of {tuning.asset}, version {tuning.version}",
            "",
            f"{tuning.n_vectors:,} vectors of {tuning.dim} numbers, {tuning.n_questions} questions one at a time.",
            f"recall@{tuning.k} is against exact search, memory is worked out from the settings.",
            "",
            proposal(tuning),
            "",
            f"![recall against latency]({PLOT})",
            "",
            "Settings marked with * are on the front: none is better in recall, latency and memory together.",
            "",
            f"| | {' | '.join(_HEADERS)} |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def proposal(tuning: Tuning) -> str:
    """Returns the change of the component's YAML, or why there is none; nothing takes effect by itself."""
    best = tuning.proposed
    if best is None:
        return f"No setting reached the recall of {tuning.min_recall:g} that the component asks for."
    if best.settings == tuning.current:
        return "The settings that the component has are the quickest that find enough."
    lines = [f"        {name}: {value}" for name, value in best.settings.model_dump(exclude_none=True).items()]
    return "\n".join(
        [
            f"Quickest with a recall of at least {tuning.min_recall:g}: {best.recall:.3f}, p95 {best.p95_ms:.1f} ms.",
            "Write this into the component; the next build makes the index anew, and verifies it before it serves:",
            "",
            "```",
            "    projections:",
            "      - kind: weaviate",
            "        index:",
            *("  " + line for line in lines),
            "```",
        ]
    )


def _row(one: Measured, *, on_front: bool) -> str:
    settings = one.settings
    return (
        f"| {'*' if on_front else ''} | {settings.ef or 'default'} | {settings.ef_construction or 'default'}"
        f" | {settings.max_connections or 'default'} | {settings.quantization} | {one.recall:.4f} | {one.p50_ms:.2f}"
        f" | {one.p95_ms:.2f} | {one.import_seconds:.1f} | {one.memory_bytes / 1e6:.1f} |"
    )


def draw(tuning: Tuning) -> str:
    """Returns a plot of recall against latency as SVG, the front joined by a line."""
    slowest = max((one.p95_ms for one in tuning.measured), default=1.0) * 1.05
    least = min([*(one.recall for one in tuning.measured), tuning.min_recall]) - 0.01

    def place(one: Measured) -> tuple[float, float]:
        x = _MARGIN + one.p95_ms / slowest * (_WIDTH - 2 * _MARGIN)
        y = _HEIGHT - _MARGIN - (one.recall - least) / (1.0 - least) * (_HEIGHT - 2 * _MARGIN)
        return round(x, 1), round(y, 1)

    limit = place(
        Measured(
            settings=tuning.current, recall=tuning.min_recall, p50_ms=0, p95_ms=0, import_seconds=0, memory_bytes=0
        )
    )[1]
    joined = " ".join(f"{x},{y}" for x, y in map(place, tuning.front))
    dots = [_dot(place(one), one) for one in tuning.measured]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"',
            ' font-family="sans-serif" font-size="12">',
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
            *_axes(slowest, least),
            f'<line x1="{_MARGIN}" x2="{_WIDTH - _MARGIN}" y1="{limit}" y2="{limit}" stroke="#999"/>',
            f'<polyline points="{joined}" fill="none" stroke="#555"/>',
            *dots,
            *_legend({one.settings.quantization for one in tuning.measured}),
            "</svg>",
            "",
        ]
    )


def _dot(at: tuple[float, float], one: Measured) -> str:
    colour = _COLOURS[one.settings.quantization]
    told = f"{one.settings.told}: recall {one.recall:.4f}, p95 {one.p95_ms:.2f} ms"
    return f'<circle cx="{at[0]}" cy="{at[1]}" r="4" fill="{colour}"><title>{told}</title></circle>'


def _axes(slowest: float, least: float) -> Sequence[str]:
    left, bottom = _MARGIN, _HEIGHT - _MARGIN
    return [
        f'<line x1="{left}" y1="{bottom}" x2="{_WIDTH - _MARGIN}" y2="{bottom}" stroke="black"/>',
        f'<line x1="{left}" y1="{_MARGIN}" x2="{left}" y2="{bottom}" stroke="black"/>',
        f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 12}" text-anchor="middle">p95, milliseconds (to {slowest:.1f})</text>',
        f'<text x="{left - 6}" y="{bottom}" text-anchor="end">{least:.2f}</text>',
        f'<text x="{left - 6}" y="{_MARGIN + 4}" text-anchor="end">1.00</text>',
        f'<text x="{left}" y="{_MARGIN - 16}">recall</text>',
    ]


def _legend(kinds: set[str]) -> Sequence[str]:
    return [
        f'<text x="{_WIDTH - _MARGIN}" y="{_MARGIN + 16 * i}" text-anchor="end" fill="{_COLOURS[kind]}">{kind}</text>'
        for i, kind in enumerate(sorted(kinds))
    ]
