"""An embedding's version as Dagster shows it: pictures, tables and numbers. Reads nothing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from ..records.keys import Version
from ..records.receipts import Head
from .embedding_page import EmbeddingPage, SampledMap
from .pictures import as_markdown, draw_figures, draw_map
from .serving import Serving

_NUMBER, _TEXT = "no.", "text, and by cosine what is near it"


def page_metadata(page: EmbeddingPage) -> dict[str, Any]:
    """Returns the map, and the examples that are numbered on it; nothing for an embedding without texts."""
    if page.map is None:
        return {}
    numbers = {row: str(i) for i, row in enumerate(dict.fromkeys(each.row for each in page.neighbours), 1)}
    shown: dict[str, Any] = {"map": dg.MetadataValue.md(_map(page.map, numbers))}
    if page.neighbours:
        shown["neighbours"] = _table(list(_examples(page, numbers)))
    return shown


def figures_metadata(figures: Mapping[Version, Mapping[str, float]]) -> dict[str, Any]:
    """Returns the golden queries' figures of the newest of the versions as numbers, which Dagster plots over time, and
    one picture of them over versions.
    """
    if not figures:
        return {}
    newest = figures[max(figures)]
    versions = sorted(version for version in figures if figures[version].keys() >= newest.keys())
    lines = {name: [figures[version][name] for version in versions] for name in newest}
    told = ", ".join(f"{name} {value:.3f}" for name, value in newest.items())
    picture = as_markdown(draw_figures(versions, lines), f"golden queries over versions: {told}")
    return {**newest, "golden_queries": dg.MetadataValue.md(picture)}


def serving_metadata(copies: Sequence[Serving], head: Head | None) -> dict[str, Any]:
    """Returns the state of the serving copies as they were last brought up; nothing where there are none."""
    published = "nothing" if head is None or head.withdrawn else str(head.version)
    rows = [
        {
            "target": copy.target,
            "serving": "nothing" if copy.version is None else str(copy.version),
            "published": published,
            "error": copy.error,
        }
        for copy in copies
    ]
    return {"projections": _table(rows)} if rows else {}


def _examples(page: EmbeddingPage, numbers: Mapping[int, str]) -> Iterator[Mapping[str, str]]:
    """Each example by its number, followed by what is near it: a wider table does not fit the page."""
    for row, number in numbers.items():
        near = [each for each in page.neighbours if each.row == row]
        yield {_NUMBER: number, _TEXT: near[0].name}
        for each in near:
            yield {_NUMBER: "", _TEXT: f"{each.cosine:.3f}  {each.other}"}


def _map(drawn: SampledMap, numbers: Mapping[int, str]) -> str:
    n_shown, n_red = len(drawn.marked), int(drawn.marked.sum())
    legend = [f"{n_shown - n_red:,} of {drawn.n_texts - n_red:,} other texts", f"{n_red:,} that answer golden queries"]
    legend = legend if n_red else [f"{n_shown:,} of {drawn.n_texts:,} texts"]
    picture = draw_map(drawn.texts.places, drawn.marked, legend, numbers)
    return (
        f"{as_markdown(picture, 'map of the texts')}\n\nThe two directions in which the texts differ most:"
        f" {drawn.texts.explained:.0%} of their variance. The numbered ones are those of `neighbours`."
    )


def _table(rows: Sequence[Mapping[str, str]]) -> dg.TableMetadataValue:
    schema = dg.TableSchema([dg.TableColumn(name) for name in rows[0]])
    return dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in rows], schema=schema)
