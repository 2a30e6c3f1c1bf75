"""Answers questions through the server: by its vector index, by its BM25, or both fused as everywhere else."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import Misuse
from ...learning.fusion import DEPTH, VECTOR_SHARE, weighted_scores
from ...learning.nearest import highest
from ...records.embeddings import EmbeddingOptions
from ...records.searches import Condition, Hit, Question, SearchMode
from .collections import find_served
from .connection import Server, telling
from .notes import Held
from .schema import KEY, TEXT, CollectionPlan

if TYPE_CHECKING:
    from weaviate import WeaviateClient

# A filter of more keys costs more than looking deeper; a server returns no more than this at once.
_MOST_KEYS, _DEEPEST = 2_000, 10_000
_CHUNKS_LOOKED_AT = 4

Matching = Callable[[Held, Condition], frozenset[str]]
Ask = Callable[[int, Any], Sequence[tuple[str, float]]]


@dataclass(frozen=True, eq=False)
class _Ranked:
    """Keys, best first, each once, and their scores."""

    keys: list[str]
    scores: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class WeaviateIndex:
    """The collection behind an embedding's alias, asked through an open client.

    `matching` returns the keys, as canonical JSON, of the rows that a condition lets through.
    """

    server: Server
    client: "WeaviateClient"
    plan: CollectionPlan
    embedding: EmbeddingOptions
    matching: Matching

    def served(self) -> tuple[str, Held]:
        """Returns the collection that serves and what it holds.

        Raises:
            Misuse: Nothing serves.
            TargetFailed: The server cannot be asked.
        """
        with telling(self.server):
            name, note = find_served(self.client, self.plan)
        if name is None or note is None:
            raise Misuse(
                f"{self.server.target} serves nothing. Nothing was searched. Look: `orchestrator projections`."
            )
        return name, note.holds

    def search(self, name: str, held: Held, question: Question) -> tuple[Hit, ...]:
        """Returns the best rows of a collection that serves, best first.

        Raises:
            Misuse: The condition cannot be used.
            TargetFailed: The server cannot be asked.
        """
        allowed = self.matching(held, question.condition) if question.condition is not None else None
        collection = self.client.collections.use(name)
        by_vector, by_text = None, None
        with telling(self.server):
            if question.mode is not SearchMode.TEXT and question.vector is not None and held.n_objects:
                by_vector = self._ranked(_nearest(collection, question.vector.tolist()), question, allowed)
            if question.mode is not SearchMode.VECTOR and held.n_objects:
                by_text = self._ranked(_bm25(collection, question.text), question, allowed)
            fused = _fuse(by_vector, by_text, question.k)
            return self._hits(collection, fused, by_vector, by_text)

    def _ranked(self, ask: Ask, question: Question, allowed: frozenset[str] | None) -> _Ranked:
        wanted = question.k if question.mode is not SearchMode.HYBRID else max(question.k, DEPTH)
        depth = self._depth(wanted)
        if allowed is None:
            return _best_of_each(ask(depth, None), wanted)
        if not allowed:
            return _best_of_each([], 0)
        while len(allowed) > _MOST_KEYS:
            found = ask(depth, None)
            ranked = _best_of_each([item for item in found if item[0] in allowed], wanted)
            if len(ranked.keys) >= wanted or len(found) < depth:
                return ranked
            if depth >= _DEEPEST:
                break
            depth = min(depth * 4, _DEEPEST)
        return _best_of_each(ask(self._depth(wanted), _keys_filter(allowed)), wanted)

    def _depth(self, wanted: int) -> int:
        # A row has as many answers as it has chunks.
        return min(wanted * (_CHUNKS_LOOKED_AT if self.embedding.chunk else 1), _DEEPEST)

    def _hits(
        self,
        collection: Any,
        fused: Sequence[tuple[str, float]],
        by_vector: _Ranked | None,
        by_text: _Ranked | None,
    ) -> tuple[Hit, ...]:
        rows = self._rows(collection, [key for key, _ in fused])
        ways = [(mode, way) for mode, way in ((SearchMode.VECTOR, by_vector), (SearchMode.TEXT, by_text)) if way]
        scores = {mode: dict(zip(way.keys, way.scores.tolist(), strict=True)) for mode, way in ways}
        hits = []
        for key, score in fused:
            row = rows.get(key, {})
            found = {mode: of_way[key] for mode, of_way in scores.items() if key in of_way}
            title = row.get(self.embedding.title) if self.embedding.title else None
            hits.append(
                Hit(
                    key=self._key(key),
                    score=score,
                    found_by=tuple(found),
                    vector_score=found.get(SearchMode.VECTOR),
                    text_score=found.get(SearchMode.TEXT),
                    title=None if title is None else str(title),
                    show={name: row.get(name) for name in self.embedding.show},
                )
            )
        return tuple(hits)

    def _rows(self, collection: Any, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        if not keys:
            return {}
        properties = self.plan.properties
        # Chunks of one row show alike, so that any of them will do.
        answer = collection.query.fetch_objects(
            filters=_keys_filter(keys),
            limit=_DEEPEST if self.embedding.chunk else len(keys),
            return_properties=[KEY, *(item.name for item in properties)],
        )
        return {
            str(item.properties[KEY]): {
                each.column: each.as_in_source(item.properties.get(each.name)) for each in properties
            }
            for item in answer.objects
        }

    def _key(self, key: str) -> tuple[Any, ...]:
        types = {item.column: item.type for item in self.plan.properties}
        parts = zip(self.embedding.key, json.loads(key), strict=True)
        return tuple(int(part) if types.get(name) == "int" else part for name, part in parts)


def _keys_filter(keys: Sequence[str] | frozenset[str]) -> Any:
    from weaviate.classes.query import Filter

    return Filter.by_property(KEY).contains_any(sorted(keys))


def _nearest(collection: Any, vector: list[float]) -> Ask:
    from weaviate.classes.query import MetadataQuery

    def ask(limit: int, filters: Any) -> list[tuple[str, float]]:
        answer = collection.query.near_vector(
            vector,
            limit=limit,
            filters=filters,
            return_metadata=MetadataQuery(distance=True),
            return_properties=[KEY],
        )
        return [(str(item.properties[KEY]), 1.0 - item.metadata.distance) for item in answer.objects]

    return ask


def _bm25(collection: Any, text: str) -> Ask:
    from weaviate.classes.query import MetadataQuery

    def ask(limit: int, filters: Any) -> list[tuple[str, float]]:
        answer = collection.query.bm25(
            text,
            query_properties=[TEXT],
            limit=limit,
            filters=filters,
            return_metadata=MetadataQuery(score=True),
            return_properties=[KEY],
        )
        return [(str(item.properties[KEY]), float(item.metadata.score)) for item in answer.objects]

    return ask


def _best_of_each(found: Sequence[tuple[str, float]], n_wanted: int) -> _Ranked:
    best: dict[str, float] = {}
    for key, score in found:
        best.setdefault(key, score)
    keys = list(best)[:n_wanted]
    return _Ranked(keys, np.array([best[key] for key in keys], dtype=np.float32))


def _fuse(by_vector: _Ranked | None, by_text: _Ranked | None, k: int) -> list[tuple[str, float]]:
    ways = [way for way in (by_vector, by_text) if way is not None]
    if len(ways) < 2:
        return [pair for way in ways for pair in list(zip(way.keys, way.scores.tolist(), strict=True))[:k]]
    keys = list(dict.fromkeys(key for way in ways for key in way.keys))
    place_of = {key: place for place, key in enumerate(keys)}
    places = [np.array([place_of[key] for key in way.keys], dtype=np.int64) for way in ways]
    scores = []
    for way, where in zip(ways, places, strict=True):
        spread = np.zeros(len(keys), dtype=np.float32)
        spread[where] = way.scores
        scores.append(spread)
    fused = weighted_scores(scores, places, (VECTOR_SHARE, 1 - VECTOR_SHARE), len(keys))
    return [(keys[int(place)], float(fused[place])) for place in highest(fused, k)]
