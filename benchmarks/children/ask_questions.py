"""Publishes many texts with made vectors of the default embedder's kind, then asks questions of them, warm.

Run as `python -m benchmarks.children.ask_questions make|ask FOLDER N`: N texts, or questions of each kind. The vectors
are random directions, which exact search takes as long for as for real ones; the questions are embedded for real.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.children.made_texts import open_gate, publish, write_project
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.records.searches import Condition, Question, SearchMode

_WORDS_OF_A_TEXT, _WORDS_OF_A_QUESTION, _VOCABULARY = 45, 9, 40_000
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


def main(what: str, folder: str, number: str) -> None:
    result = {"make": _make, "ask": _ask}[what](Path(folder), int(number))
    print(json.dumps(result))


def _make(folder: Path, n_texts: int) -> dict[str, float]:
    tables = _TABLES.format(n=n_texts, length=_WORDS_OF_A_TEXT, vocabulary=_VOCABULARY)
    write_project(folder, tables)

    from orchestrator_platform.operations import projections

    gate = open_gate(folder, lambda drawn, dim: drawn.standard_normal(dim))
    publish(gate)
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
