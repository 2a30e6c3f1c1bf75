"""Judges an index before it serves: sampled vectors are those of the lake, and it finds what exact search finds."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from ...errors import TargetFailed
from .connection import Server
from .content import Vectors

if TYPE_CHECKING:
    from weaviate.collections import Collection

K = 10
_N_VECTORS, _N_QUERIES, _SEED = 100, 100, 20240508
_AT_A_TIME = 64
# Two vectors that are this near to a query are equally good answers to it.
_TIE = 1e-5


@dataclass(frozen=True)
class Exact:
    """What exact search answers to some queries: for each the ids that may be among the first k, best first.

    `queries` are unit vectors, float32, shape (n, dim), the first `n_golden` those of golden queries. An answer as good
    as the k-th is as right as it.
    """

    queries: NDArray[np.float32]
    answers: tuple[frozenset[UUID], ...]
    vectors: dict[UUID, NDArray[np.float32]] = field(repr=False)
    n_objects: int = 0
    n_golden: int = 0


def search_exactly(among: Vectors, golden: NDArray[np.float32] | None = None, k: int = K) -> Exact:
    """Returns exact answers to the golden queries, and to some of the vectors themselves, chosen by a fixed seed."""
    n_objects = len(among.keys)
    if not n_objects:
        return Exact(np.empty((0, 0), dtype=np.float32), (), {})
    chosen = np.random.default_rng(_SEED).choice(n_objects, min(_N_QUERIES, n_objects), replace=False)
    queries = among.vectors[chosen]
    n_golden = 0 if golden is None else len(golden)
    if golden is not None and n_golden:
        queries = np.concatenate([golden, queries])
    answers: list[frozenset[UUID]] = []
    for first in range(0, len(queries), _AT_A_TIME):
        scores = queries[first : first + _AT_A_TIME] @ among.vectors.T
        answers += [_best(among, row, min(k, n_objects)) for row in scores]
    sample = {among.id_of(int(i)): among.vectors[i] for i in chosen[:_N_VECTORS]}
    return Exact(queries, tuple(answers), sample, n_objects, n_golden)


def _best(among: Vectors, scores: NDArray[np.float32], k: int) -> frozenset[UUID]:
    worst = np.partition(scores, len(scores) - k)[len(scores) - k]
    return frozenset(among.id_of(int(i)) for i in np.flatnonzero(scores >= worst - _TIE))


def measure_recall(collection: "Collection[Any, Any]", exact: Exact, k: int = K) -> NDArray[np.float64]:
    """Returns for each query the share of the first k answers that exact search would have given as well."""
    shares = []
    for query, answers in zip(exact.queries, exact.answers, strict=True):
        found = collection.query.near_vector(query.tolist(), limit=k, return_properties=[]).objects
        n_right = sum(1 for item in found if item.uuid in answers)
        shares.append(n_right / min(k, exact.n_objects))
    return np.array(shares, dtype=np.float64)


def verify_index(server: Server, collection: "Collection[Any, Any]", exact: Exact) -> None:
    """Raises TargetFailed where a sampled vector is not the lake's, or the index finds less than it must."""
    wrong = _differing(collection, exact)
    if wrong:
        raise server.failed(
            f"{wrong} of {len(exact.vectors)} sampled vectors in {collection.name} are not those of the lake;"
            " the alias was not moved",
            "Look at the server's log; `orchestrator projections rebuild` makes the collection anew.",
        )
    shares, limit = measure_recall(collection, exact), server.options.min_recall
    for asked, of_them in (("golden queries", shares[: exact.n_golden]), ("its own texts", shares[exact.n_golden :])):
        recall = float(of_them.mean()) if len(of_them) else 1.0
        if recall < limit:
            raise _finds_too_little(server, collection.name, asked, recall)


def _finds_too_little(server: Server, name: str, asked: str, recall: float) -> TargetFailed:
    limit = server.options.min_recall
    return server.failed(
        f"recall@{K} of {name} against exact search, asked by {asked}, is {recall:.3f}, and must be {limit:.3f};"
        " the alias was not moved",
        "Raise `ef`, `ef_construction` or `max_connections` under `index`, or quantise less;"
        " `orchestrator tune` measures what that costs.",
    )


def _differing(collection: "Collection[Any, Any]", exact: Exact) -> int:
    ids = list(exact.vectors)
    if not ids:
        return 0
    answer = collection.query.fetch_objects_by_ids(ids, limit=len(ids), include_vector=True, return_properties=[])
    there = {item.uuid: item.vector["default"] for item in answer.objects}
    return sum(
        1
        for id_, vector in exact.vectors.items()
        if id_ not in there or not np.allclose(np.asarray(there[id_]), vector, atol=1e-6)
    )
