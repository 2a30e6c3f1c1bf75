"""Publishes many texts with made vectors of the default embedder's kind, then asks questions of them, warm.

Run as `python -m benchmarks.children.ask_questions make|ask FOLDER N`: N texts, or questions of each kind. The vectors
are random directions, which exact search takes as long for as for real ones; the questions are embedded for real.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.children.write_rows import AGENTS, write_files
from orchestrator_platform.learning.embedder import EmbeddedBatch, Embedder
from orchestrator_platform.learning.embedders import Embedders, local_embedders
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.operations.project_assets import load_gate
from orchestrator_platform.records.embedders import EmbedderIdentity, EmbedderOptions, EmbeddingCost
from orchestrator_platform.records.searches import Condition, Question, SearchMode

_WORDS_OF_A_TEXT, _WORDS_OF_A_QUESTION, _VOCABULARY = 45, 9, 40_000
_BATCH = 1_000
_WHERE, _VALUE = "kind = ?", "often"

_TABLES = """
    import numpy as np
    import pyarrow as pa

    from orchestrator_platform import python_table


    @python_table(key="marts.texts", parents={{}}, contract="contract.py:Texts")
    def texts():
        drawn = np.random.default_rng(7)
        # Few words are in most texts, most words in few.
        words = np.minimum(drawn.zipf(1.3, size=({n}, {length})), {vocabulary})
        said = [" ".join(f"w{{word}}" for word in row) for row in words]
        kinds = np.where(drawn.random({n}) < 0.3, "often", "rarely")
        return pa.table({{"id": np.arange({n}), "body": said, "kind": kinds}})
"""
_CONTRACT = """
    import pandera.pandas as pa


    class Texts(pa.DataFrameModel):
        id: int
        body: str
        kind: str

        class Config:
            strict = True
            metadata = {"grain": ["id"]}
"""
_FILES = {
    "pyproject.toml": '[tool.orchestrator]\ndefs = "defs"\ndbt_project = "dbt"\nagents = "agents"\n',
    "defs/texts/defs.yaml": (
        "type: orchestrator_platform.components.PythonTableComponent\nattributes:\n  module: tables.py\n"
    ),
    "defs/texts/contract.py": _CONTRACT,
    "defs/vectors/defs.yaml": (
        "type: orchestrator_platform.components.EmbeddingComponent\n"
        "attributes: {asset: embeddings.texts, source: marts.texts, key: [id], text: [body], show: [kind]}\n"
    ),
}


class _MadeVectors:
    """Says that it is the default embedder, and is not: a text's vector is a random direction of its own."""

    def __init__(self, identity: EmbedderIdentity) -> None:
        self.identity, self.cost = identity, EmbeddingCost()

    def embed(self, texts: Sequence[str]) -> Iterator[EmbeddedBatch]:
        for first in range(0, len(texts), _BATCH):
            some = texts[first : first + _BATCH]
            vectors = np.stack([self._vector(text) for text in some])
            places = np.arange(first, first + len(some), dtype=np.int64)
            yield EmbeddedBatch(
                places, vectors, np.ones(len(some), dtype=np.int64), np.zeros(len(some), dtype=np.bool_)
            )

    def split(self, text: str, max_tokens: int, overlap: int) -> list[str]:  # noqa: ARG002
        return [text]

    def _vector(self, text: str) -> Any:
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        vector = np.random.default_rng(seed).standard_normal(self.identity.dim).astype(np.float32)
        return vector / np.linalg.norm(vector)


def main(what: str, folder: str, number: str) -> None:
    result = {"make": _make, "ask": _ask}[what](Path(folder), int(number))
    print(json.dumps(result))


def _make(folder: Path, n_texts: int) -> dict[str, float]:
    tables = _TABLES.format(n=n_texts, length=_WORDS_OF_A_TEXT, vocabulary=_VOCABULARY)
    write_files(folder, {**_FILES, **AGENTS, "defs/texts/tables.py": tables})
    settings = Platform.open(folder / "home", folder).settings
    real = local_embedders(settings.home.cache / "embedders")

    def made(options: EmbedderOptions, base: Path) -> Embedder:
        return _MadeVectors(real.identify(options, base))

    from orchestrator_platform.operations import projections
    from orchestrator_platform.operations.build import build

    gate = load_gate(settings, Embedders(real.identify, made))
    result = build(gate)
    if result.is_no:
        raise SystemExit(f"the benchmark's own embedding was not published: {result}")
    started = time.perf_counter()
    (state,) = projections.sync(gate, anew=True)
    return {"seconds": time.perf_counter() - started, "size_bytes": float(_size(Path(state.place)))}


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _ask(folder: Path, n_questions: int) -> dict[str, Any]:
    """Returns seconds by kind of question; those of `alone` begin when the question's vector is there."""
    platform = Platform.open(folder / "home", folder)
    drawn = np.random.default_rng(3)
    words = np.minimum(drawn.zipf(1.3, size=(n_questions, _WORDS_OF_A_QUESTION)), _VOCABULARY)
    questions = [" ".join(f"w{word}" for word in row) for row in words]
    taken: dict[str, list[float]] = {
        mode: _timed(questions, lambda text, mode=mode: platform.search(text, mode=mode)) for mode in SearchMode
    }
    taken["where"] = _timed(questions, lambda text: platform.search(text, where=_WHERE, values=[_VALUE]))
    return {"seconds": taken | _alone(platform, questions) | _plainly(platform, questions)}


def _alone(platform: Platform, questions: Sequence[str]) -> dict[str, list[float]]:
    (index,) = (opened for _, opened in platform._searcher._indexes.values())  # noqa: SLF001  # what is measured
    vector = np.asarray(index.vectors[5])
    condition = Condition(_WHERE, (_VALUE,))

    def ask(mode: SearchMode, where: Condition | None = None) -> Callable[[str], object]:
        return lambda text: index.search(Question(text, mode, 10, vector, where))

    return {
        "vector alone": _timed(questions, ask(SearchMode.VECTOR)),
        "hybrid alone": _timed(questions, ask(SearchMode.HYBRID)),
        "where alone": _timed(questions, ask(SearchMode.HYBRID, condition)),
    }


def _plainly(platform: Platform, questions: Sequence[str]) -> dict[str, list[float]]:
    """The vectors in memory, one product and one sort: what a few lines of numpy do."""
    (index,) = (opened for _, opened in platform._searcher._indexes.values())  # noqa: SLF001  # what is measured
    matrix, vector = np.array(index.vectors), np.asarray(index.vectors[5])
    return {"numpy": _timed(questions, lambda _: np.argsort(-(matrix @ vector))[:10])}


def _timed(questions: Sequence[str], ask: Callable[[str], object]) -> list[float]:
    ask(questions[0])
    taken = []
    for text in questions:
        started = time.perf_counter()
        ask(text)
        taken.append(time.perf_counter() - started)
    return taken


if __name__ == "__main__":
    main(*sys.argv[1:])
