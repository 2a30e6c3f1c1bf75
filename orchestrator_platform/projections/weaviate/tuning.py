"""Measures settings of an index on collections of its own, made for that and dropped afterwards."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from ...records.embeddings import IndexSettings
from ...records.tunings import Measured, memory_of
from .collections import create_collection, drop_collection
from .connection import Server
from .content import Objects
from .importing import Filling, digests_of, fill
from .notes import Held, Note
from .schema import CollectionPlan
from .verifying import Exact, K, measure_recall

if TYPE_CHECKING:
    from weaviate import WeaviateClient

# Not one of those that a target finds: two underscores separate the alias from the rest of their names.
_SUFFIX = "_tuned"


@dataclass(frozen=True, eq=False)
class Trial:
    """What settings are tried on. `objects` gives the vectors, `exact` is what they should find."""

    server: Server
    client: "WeaviateClient"
    plan: CollectionPlan
    objects: Callable[[], Sequence[Objects]]
    exact: Exact
    held: Held
    say: Callable[[str], None]


def measure_settings(trial: Trial, settings: Sequence[IndexSettings]) -> Iterator[Measured]:
    """Yields what each setting gives; the collection is dropped whatever happens."""
    name = f"{trial.plan.alias}{_SUFFIX}"
    drop_collection(trial.client, name)
    try:
        for built, of_one_graph in groupby(settings, key=lambda each: each.model_copy(update={"ef": None})):
            seconds = _import(trial, name, built)
            for each in of_one_graph:
                _set_ef(trial.client.collections.use(name), each.ef)
                yield _measure(trial, name, each, seconds)
            drop_collection(trial.client, name)
    finally:
        drop_collection(trial.client, name)


def _import(trial: Trial, name: str, settings: IndexSettings) -> float:
    plan = replace(trial.plan, index=settings)
    note = Note(asset=plan.asset, layout=plan.layout, holds=trial.held, whole=False)
    create_collection(trial.client, name, plan, note)
    collection = trial.client.collections.use(name)
    trial.say(f"importing with {settings.told}")
    started = time.perf_counter()
    fill(
        trial.server,
        Filling(collection, trial.objects, lambda ids: digests_of(collection, ids), trial.held.version),
        {},
    )
    return time.perf_counter() - started


def _set_ef(collection: Any, ef: int | None) -> None:
    from weaviate.classes.config import Reconfigure

    index = Reconfigure.VectorIndex.hnsw(ef=ef if ef is not None else -1)
    collection.config.update(vector_config=Reconfigure.Vectors.update(name="default", vector_index_config=index))


def _measure(trial: Trial, name: str, settings: IndexSettings, import_seconds: float) -> Measured:
    trial.say(f"asking with {settings.told}")
    collection = trial.client.collections.use(name)
    milliseconds = []
    for query in trial.exact.queries:
        started = time.perf_counter()
        collection.query.near_vector(query.tolist(), limit=K, return_properties=[])
        milliseconds.append((time.perf_counter() - started) * 1000)
    p50, p95 = np.percentile(milliseconds, [50, 95])
    n_vectors, dim = trial.exact.n_objects, trial.exact.queries.shape[1]
    return Measured(
        settings=settings,
        recall=float(measure_recall(collection, trial.exact).mean()),
        p50_ms=float(p50),
        p95_ms=float(p95),
        import_seconds=import_seconds,
        memory_bytes=memory_of(settings, n_vectors, dim),
    )
