"""Answers questions through the server: by its vector index, by its BM25, or both fused as everywhere else."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import Misuse
from ...learning.fusion import DEPTH, Ranked
from ...records.embeddings import EmbeddingOptions
from ...records.searches import Condition, Hit, Question, SearchMode
from ..ranked_hits import HitRows, Row, make_hits
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
            rows = HitRows(partial(self._rows, collection), self._key, self.embedding.title, self.embedding.show)
            return make_hits(by_vector, by_text, question.k, rows)

    def _ranked(self, ask: Ask, question: Question, allowed: frozenset[str] | None) -> Ranked[str]:
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

    def _key(self, key: str, _: Row) -> tuple[Any, ...]:
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


def _best_of_each(found: Sequence[tuple[str, float]], n_wanted: int) -> Ranked[str]:
    best: dict[str, float] = {}
    for key, score in found:
        best.setdefault(key, score)
    keys = list(best)[:n_wanted]
    return Ranked(keys, np.array([best[key] for key in keys], dtype=np.float32))
