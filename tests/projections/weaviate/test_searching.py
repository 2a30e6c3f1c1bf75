"""The server answers as the files of the home do: same rows, same filters, from the version that it serves."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from embedded import declare_embedding, publish_advisories, publish_embedding
from hashed_embedder import HashedEmbedder
from projections.weaviate.serving_things import WORDS
from small_project import gate_of, make_project

from orchestrator_platform.errors import Misuse
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.operations.search import Searcher
from orchestrator_platform.records.searches import Found


@pytest.fixture(scope="module")
def searcher(advisories: Gate) -> Iterator[Searcher]:
    opened = Searcher(advisories, lambda _: HashedEmbedder())
    yield opened
    opened.close()


def keys(found: Found) -> list[str]:
    return [hit.key[0] for hit in found.hits]


def asked() -> list[str]:
    choice = random.Random(11)  # noqa: S311  # nothing secret
    return [" ".join(choice.sample(WORDS, 5)) for _ in range(30)]


def overlap(searcher: Searcher, mode: str, where: str | None = None) -> float:
    """Returns the mean share of the files' first ten answers that the server gives as well."""
    shares = []
    for text in asked():
        local = keys(searcher.search(text, mode=mode, where=where))
        there = keys(searcher.search(text, mode=mode, where=where, backend="weaviate"))
        shares.append(len(set(local) & set(there)) / max(len(local), 1))
    return sum(shares) / len(shares)


def test_by_meaning_the_server_finds_what_exact_search_finds(searcher: Searcher) -> None:
    assert overlap(searcher, "vector") >= 0.99


def test_the_same_conditions_hold(searcher: Searcher) -> None:
    assert overlap(searcher, "vector", "score < 3 AND vendor = 'acme'") >= 0.99
    found = searcher.search("overflow", where="score < 3", backend="weaviate")
    assert found.hits
    assert all(hit.show["score"] < 3 for hit in found.hits)
    assert keys(searcher.search("overflow", where="false", backend="weaviate")) == []


def test_by_words_and_by_both_it_finds_nearly_the_same(searcher: Searcher) -> None:
    assert overlap(searcher, "text") >= 0.8
    assert overlap(searcher, "hybrid") >= 0.8


def test_an_answer_says_what_found_it_and_shows_what_the_component_lists(searcher: Searcher) -> None:
    found = searcher.search("VPN gateway", backend="weaviate")
    best = found.hits[0]
    assert (found.version, found.source_version, found.is_served) == (1, 1, True)
    assert (best.key, best.title) == (("A-1",), "Remote code execution in a VPN gateway")
    assert [str(way) for way in best.found_by] == ["vector", "text"]
    assert dict(best.show) == {"vendor": "acme", "score": 9.8}


def test_a_long_list_of_rows_is_filtered_by_looking_deeper(searcher: Searcher, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestrator_platform.projections.weaviate import searching

    monkeypatch.setattr(searching, "_MOST_KEYS", 5)
    assert overlap(searcher, "vector", "vendor = 'acme' AND score < 5") >= 0.99
    monkeypatch.setattr(searching, "_DEEPEST", 20)
    assert overlap(searcher, "vector", "vendor = 'acme' AND score < 0.5") >= 0.99


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"where": "no_such_column > 1"}, "Columns of marts.advisory: id, title, body, vendor, score"),
        ({"version": 7}, "is served by the server in version 1, not 7"),
        ({"backend": "elsewhere"}, "There is no backend 'elsewhere'"),
    ],
)
def test_what_cannot_be_asked_says_why(searcher: Searcher, how: dict[str, object], says: str) -> None:
    with pytest.raises(Misuse, match=says):
        searcher.search("gateway", **{"backend": "weaviate", **how})


def test_an_embedding_without_a_server_says_how_to_give_it_one(tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    gate = declare_embedding(gate_of(folder))
    publish_advisories(gate.settings.home.root)
    publish_embedding(gate.settings.home.root)
    with pytest.raises(Misuse, match="not projected to a Weaviate server"):
        Searcher(gate, lambda _: HashedEmbedder()).search("gateway", backend="weaviate")
