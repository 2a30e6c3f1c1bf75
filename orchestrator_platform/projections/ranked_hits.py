"""From what each way of searching found to hits: the same for every index, whatever it knows its rows by."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from ..learning.fusion import Key, Ranked, fuse_ranked
from ..records.searches import Hit, SearchMode

Row = Mapping[str, Any]


@dataclass(frozen=True)
class HitRows(Generic[Key]):
    """How an index's own keys become what a hit shows. `read` gives the source's columns of each that it has, `key_of`
    the values of the key's columns; `title` and `show` are columns.
    """

    read: Callable[[Sequence[Key]], Mapping[Key, Row]]
    key_of: Callable[[Key, Row], tuple[Any, ...]]
    title: str | None
    show: Sequence[str]


def make_hits(
    by_vector: Ranked[Key] | None, by_text: Ranked[Key] | None, k: int, rows: HitRows[Key]
) -> tuple[Hit, ...]:
    """Returns the best hits, best first, at most `k`; a way that was not asked is `None`."""
    fused = fuse_ranked(by_vector, by_text, k)
    read = rows.read([key for key, _ in fused])
    ways = ((SearchMode.VECTOR, by_vector), (SearchMode.TEXT, by_text))
    scores = {mode: dict(zip(way.keys, way.scores.tolist(), strict=True)) for mode, way in ways if way is not None}
    hits = []
    for key, score in fused:
        row = read.get(key, {})
        found = {mode: of_way[key] for mode, of_way in scores.items() if key in of_way}
        title = row.get(rows.title) if rows.title else None
        hits.append(
            Hit(
                key=rows.key_of(key, row),
                score=score,
                found_by=tuple(found),
                vector_score=found.get(SearchMode.VECTOR),
                text_score=found.get(SearchMode.TEXT),
                title=None if title is None else str(title),
                show={name: row.get(name) for name in rows.show},
            )
        )
    return tuple(hits)
