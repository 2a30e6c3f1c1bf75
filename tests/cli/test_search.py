"""`orchestrator search` and `orchestrator projections` on a small project with an embedding."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from embedded_notes import make_notes, note, write_notes
from hashed_embedder import hashed_embedders

from orchestrator_platform.operations import project_assets
from orchestrator_platform.operations.search import Searcher
from orchestrator_platform.projections import local_vectors

Call = Callable[..., object]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_notes(tmp_path_factory.mktemp("notes"))


@pytest.fixture
def notes(folder: Path, orchestrator: Call, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Thirty notes, built once."""
    monkeypatch.setattr(project_assets, "local_embedders", lambda _: hashed_embedders())
    if not (folder / ".orchestrator").exists():
        write_notes(folder, [note(number) for number in range(30)])
        built = orchestrator(folder, "build")
        assert built.code == 0, built.err
    return folder


def test_a_question_is_answered_from_the_version_that_serves(notes: Path, orchestrator: Call) -> None:
    said = orchestrator(notes, "search", "printer overflow 1")
    heading, titles, _, first, *_ = said.out.splitlines()
    assert heading == "embeddings.notes version 1, of marts.notes version 1: 10 answers"
    assert titles.split() == ["score", "note_id", "title", "found", "by", "title"]
    assert first.split()[:2] == ["1.000", "1"]
    assert "vector, text" in first


def test_what_was_opened_for_a_question_is_closed_after_it(
    notes: Path, orchestrator: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Searcher] = []
    close = Searcher.close

    def closing(searcher: Searcher) -> None:
        closed.append(searcher)
        close(searcher)

    monkeypatch.setattr(Searcher, "close", closing)
    assert orchestrator(notes, "search", "printer").code == 0
    assert orchestrator(notes, "search", "printer", "--where", "nope = 1").code == 2
    assert len(closed) == 2


def test_answers_as_json_have_key_score_title_and_version(notes: Path, orchestrator: Call) -> None:
    said = orchestrator(
        notes, "search", "kernel leak", "--json", "-k", "2", "--mode", "text", "--where", "note_id > ?::INT",
        "--value", "10",
    )  # fmt: skip
    answers = json.loads(said.out)
    assert len(answers) == 2
    assert answers[0] == {
        "key": 19,
        "score": pytest.approx(answers[0]["text_score"]),
        "title": "kernel leak 19",
        "asset": "embeddings.notes",
        "version": 1,
        "source": "marts.notes",
        "source_version": 1,
        "found_by": ["text"],
        "vector_score": None,
        "text_score": pytest.approx(answers[0]["score"]),
        "show": {"title": "kernel leak 19"},
    }


def test_nothing_found_is_said_and_is_an_empty_list(notes: Path, orchestrator: Call) -> None:
    said = orchestrator(notes, "search", "zebra", "--mode", "text")
    assert (said.code, said.out) == (0, "embeddings.notes version 1, of marts.notes version 1: nothing matches\n")
    assert orchestrator(notes, "search", "zebra", "--mode", "text", "--json").out == "[]\n"


@pytest.mark.parametrize(
    "arguments",
    [[""], ["x", "-k", "0"], ["x", "--version", "7"], ["x", "--where", "1) OR (SELECT 1"], ["x", "--asset", "marts.x"]],
)
def test_what_cannot_be_asked_is_misuse(notes: Path, orchestrator: Call, arguments: list[str]) -> None:
    said = orchestrator(notes, "search", *arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("error: ")


def test_projections_tell_what_is_behind_and_catch_up(
    notes: Path, orchestrator: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = "local:embeddings.notes"
    (state,) = json.loads(orchestrator(notes, "projections", "--json").out)
    assert (state["target"], state["serving"], state["published"], state["lag"]) == (target, 1, 1, 0)
    write_notes(notes, [note(number) for number in range(28)])
    with monkeypatch.context() as broken:
        broken.setattr(local_vectors, "write_index", lambda *_: 1 / 0)
        built = orchestrator(notes, "build")
    assert (built.code, "version 1 → 2" in built.out) == (0, True)
    assert f"behind: {target}: ZeroDivisionError" in built.err
    told = orchestrator(notes, "projections")
    assert told.code == 1
    assert told.out.splitlines()[2].split()[:4] == [target, "1", "2", "1"]
    assert "ZeroDivisionError" in told.out
    assert orchestrator(notes, "projections", "sync").code == 0
    assert orchestrator(notes, "projections", "rebuild", target, "--json").code == 0
    assert orchestrator(notes, "projections").code == 0
    assert orchestrator(notes, "projections", "sync", "local:x").code == 2
    assert orchestrator(notes, "search", "router", "--json").out.count('"version": 2') == 10


def test_python_asks_the_same(notes: Path) -> None:
    from orchestrator_platform import Platform

    platform = Platform.open(notes / ".orchestrator", notes)
    found = platform.search("printer overflow 1", k=1, where="note_id < ?", values=[5])
    assert (found.hits[0].key, found.hits[0].title) == ((1,), "printer overflow 1")
