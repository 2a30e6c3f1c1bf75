"""Brings a Weaviate server up to an embedding and to changes of it, beside the plain client, then asks questions.

Run as `python -m benchmarks.children.serve_vectors FOLDER N_TEXTS N_CHANGED ROUNDS N_QUESTIONS`. The vectors are made:
mixtures of a few dozen directions with noise, which neighbours each other as those of texts do.
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.children.made_texts import ASSET, open_gate, publish, write_project
from benchmarks.running import PROJECT
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.operations.declared_embeddings import declared_embeddings
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.operations.targets import weaviate_target
from orchestrator_platform.projections.weaviate.connection import connected
from orchestrator_platform.projections.weaviate.content import (
    content_of_head,
    content_of_version,
    read_change,
    read_objects,
    read_vectors,
)
from orchestrator_platform.projections.weaviate.searching import WeaviateIndex
from orchestrator_platform.projections.weaviate.target import WeaviateTarget
from orchestrator_platform.projections.weaviate.verifying import measure_recall, search_exactly
from orchestrator_platform.records.searches import Question, SearchMode

sys.path.insert(0, str(PROJECT / "tests"))
from weaviate_server import weaviate_server  # isort: skip

_DIRECTIONS, _NOISE = 24, 0.02

_TABLES = """
    import numpy as np
    import pyarrow as pa

    from orchestrator_platform import python_table


    @python_table(key="marts.texts", parents={{}}, contract="contract.py:Texts")
    def texts():
        ids = np.arange({n})
        # Each round changes rows of its own.
        said = [f"text {{i}} says {{'round {round}' if {first} <= i < {last} else 'what it said'}}" for i in ids]
        return pa.table({{"id": ids, "body": said, "kind": np.where(ids % 3 == 0, "often", "rarely")}})
"""


def _draw(drawn: np.random.Generator, dim: int) -> Any:
    vector = drawn.standard_normal(_DIRECTIONS) @ np.random.default_rng(5).standard_normal((_DIRECTIONS, dim))
    return vector + drawn.standard_normal(dim) * _NOISE * np.linalg.norm(vector)


class _Project:
    """A project whose table and embedding are built anew for each round."""

    def __init__(self, folder: Path, n_texts: int) -> None:
        self.folder, self.n_texts = folder, n_texts

    def build(self, number: int, first: int, last: int) -> None:
        write_project(self.folder, _TABLES.format(n=self.n_texts, round=number, first=first, last=last))
        publish(self.gate())

    def gate(self) -> Gate:
        return open_gate(self.folder, _draw)

    def target(self, options: Any) -> WeaviateTarget:
        gate = self.gate()
        return weaviate_target(gate, declared_embeddings(gate.assets)[ASSET], options)

    def cut(self) -> Any:
        return Platform.open(self.folder / "home", self.folder).cut()


def main(folder: str, n_texts: str, n_changed: str, rounds: str, n_questions: str) -> None:
    project = _Project(Path(folder) / "project", int(n_texts))
    with weaviate_server(Path(folder) / "server") as server:
        project.build(0, 0, 0)
        target = project.target(server.options())
        said: dict[str, Any] = {"ours": [], "plain": []}
        said["all_ours"] = _timed(lambda: _bring(target, project))
        said["all_plain"] = _fill_plainly(target, project)
        for number in range(1, int(rounds) + 1):
            cut = project.cut()
            before = content_of_head(cut, cut.heads[ASSET], target.embedding.source).held
            first = (number - 1) * int(n_changed) % int(n_texts)
            project.build(number, first, first + int(n_changed))
            ways = ["ours", "plain"] if number % 2 else ["plain", "ours"]
            for way in ways:
                said[way].append(
                    _timed(lambda: _bring(target, project))
                    if way == "ours"
                    else _change_plainly(target, project, before)
                )
        said |= _ask(target, project, int(n_questions))
    print(json.dumps(said))


def _timed(work: Any) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _bring(target: WeaviateTarget, project: _Project) -> None:
    cut = project.cut()
    served = target.bring(cut.heads[ASSET], cut)
    assert served.version == cut.heads[ASSET].version


def _fill_plainly(target: WeaviateTarget, project: _Project) -> float:
    """The client's own batches into a collection of the same kind, objects in memory; nothing is looked at after."""
    from weaviate.classes.config import Configure

    cut = project.cut()
    content = content_of_head(cut, cut.heads[ASSET], target.embedding.source)
    chunks = list(read_objects(content, target.plan, target.embedding))
    with connected(target.server) as client:
        client.collections.create("Plain", vector_config=Configure.Vectors.self_provided())
        return _timed(lambda: _batch(client, chunks))


def _change_plainly(target: WeaviateTarget, project: _Project, before: Any) -> float:
    cut = project.cut()
    after = content_of_head(cut, cut.heads[ASSET], target.embedding.source)
    earlier = content_of_version(cut, before, ASSET)
    assert earlier is not None
    _, _, read = read_change(earlier, after, target.plan, target.embedding)
    chunks = list(read())
    with connected(target.server) as client:
        return _timed(lambda: _batch(client, chunks))


def _batch(client: Any, chunks: Sequence[Any]) -> None:
    with client.collections.use("Plain").batch.fixed_size(500, concurrent_requests=2) as batch:
        for objects in chunks:
            for id_, each, vector in zip(objects.ids, objects.properties, objects.vectors, strict=True):
                batch.add_object(properties=each, uuid=id_, vector=vector)


def _ask(target: WeaviateTarget, project: _Project, n_questions: int) -> dict[str, Any]:
    """Seconds by kind of question, its vector given; recall@10 against exact search."""
    cut = project.cut()
    content = content_of_head(cut, cut.heads[ASSET], target.embedding.source)
    exact = search_exactly(read_vectors(content, ASSET, target.embedding))
    with connected(target.server) as client:
        index = WeaviateIndex(target.server, client, target.plan, target.embedding, lambda *_: frozenset())
        name, held = index.served()
        taken: dict[str, list[float]] = {}
        for mode in (SearchMode.VECTOR, SearchMode.HYBRID):
            asked = [Question(f"text {i}", mode, 10, exact.queries[i % len(exact.queries)]) for i in range(n_questions)]
            taken[mode] = [_timed(lambda question=question: index.search(name, held, question)) for question in asked]
        recall = float(measure_recall(client.collections.use(name), exact).mean())
    return {"seconds": taken, "recall": recall}


if __name__ == "__main__":
    main(*sys.argv[1:])
