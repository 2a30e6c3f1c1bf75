"""On texts of the real feed the server finds what exact search in files finds, and answers known questions as well."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from embedded_notes import COMPONENT, embedded, gate_of_notes, make_notes, write_notes
from projections.weaviate.serving_things import new_alias
from real_feed import read_texts
from weaviate_server import RunningServer

from orchestrator_platform.learning.embedders import local_embedders, opened_once
from orchestrator_platform.operations.search import Searcher
from orchestrator_platform.records.searches import Found

pytestmark = pytest.mark.slow
N_TEXTS, K = 1_500, 10
WHERE = "note_id % 3 <> 0 AND body NOT LIKE '%WordPress%'"


@pytest.fixture(scope="module")
def questions() -> dict[str, int]:
    """Questions whose answers are known, by the note that answers."""
    texts = read_texts(N_TEXTS).values()
    return {question: number for number, (_, question) in enumerate(texts) if question}


@pytest.fixture(scope="module")
def searcher(
    questions: dict[str, int], server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Searcher]:
    served = f"""
      projections:
        - kind: local
        - {{kind: weaviate, url: "{server.url}", grpc_port: {server.grpc_port}, alias: {new_alias()}}}
    """.rstrip()
    component = {"defs/vectors/defs.yaml": COMPONENT.rstrip() + served}
    folder: Path = make_notes(tmp_path_factory.mktemp("feed"), changes=component)
    write_notes(
        folder,
        [(number, name, text, "", "") for number, (name, (text, _)) in enumerate(read_texts(N_TEXTS).items())],
    )
    gate = gate_of_notes(folder, opened_once(local_embedders(folder / "home" / "cache" / "embedders")))
    assert embedded(folder, gate).embedded == N_TEXTS
    opened = Searcher(gate, gate.embedders.open_declared)
    yield opened
    opened.close()


def answers(found: Found) -> list[int]:
    return [hit.key[0] for hit in found.hits]


def over_all(questions: dict[str, int], measure: Callable[[str, int], float]) -> float:
    return sum(measure(*pair) for pair in questions.items()) / len(questions)


@pytest.mark.parametrize("where", [None, WHERE])
def test_the_first_ten_by_meaning_are_those_of_exact_search(
    searcher: Searcher, questions: dict[str, int], where: str | None
) -> None:
    def shared(text: str, _: int) -> float:
        exact = answers(searcher.search(text, mode="vector", where=where, k=K))
        there = answers(searcher.search(text, mode="vector", where=where, k=K, backend="weaviate"))
        return len(set(exact) & set(there)) / K

    assert len(questions) > 20
    assert over_all(questions, shared) >= 0.99


@pytest.mark.parametrize("where", [None, WHERE])
def test_by_both_ways_known_questions_are_answered_as_well_and_by_the_same_rows(
    searcher: Searcher, questions: dict[str, int], where: str | None
) -> None:
    def found_by(backend: str) -> Callable[[str, int], float]:
        return lambda text, right: float(right in answers(searcher.search(text, where=where, k=K, backend=backend)))

    def shared(text: str, _: int) -> float:
        local = answers(searcher.search(text, where=where, k=K))
        there = answers(searcher.search(text, where=where, k=K, backend="weaviate"))
        return len(set(local) & set(there)) / K

    asked = questions if where is None else {text: right for text, right in questions.items() if right % 3}
    assert abs(over_all(asked, found_by("weaviate")) - over_all(asked, found_by("local"))) <= 0.02
    # Words are stemmed in one and not in the other.
    assert over_all(asked, shared) >= 0.8
