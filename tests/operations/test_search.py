"""Questions that can be asked, what answers them, and what is said of those that cannot."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from embedded import (
    ADVISORIES,
    EMBEDDING,
    IDENTITY,
    OPTIONS,
    declare_embedding,
    publish_advisories,
    publish_embedding,
)
from hashed_embedder import HashedEmbedder
from small_project import gate_of, make_project

from orchestrator_platform.errors import DefinitionError, Misuse, UnknownVersion
from orchestrator_platform.operations.projections import project
from orchestrator_platform.operations.rollback import Goal, rollback
from orchestrator_platform.operations.search import LONGEST_QUESTION, Searcher
from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.records.searches import Found
from orchestrator_platform.settings import Searching, load_searching


@pytest.fixture(scope="module")
def project_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions of an embedding: one without A-4 serves, one of all is kept."""
    folder = make_project(tmp_path_factory.mktemp("searched"))
    root = gate_of(folder).settings.home.root
    publish_advisories(root)
    publish_embedding(root)
    publish_advisories(root, ADVISORIES[:3])
    publish_embedding(root)
    project(declare_embedding(gate_of(folder)))
    return folder


def searcher_of(folder: Path, **options: Any) -> Searcher:
    gate = declare_embedding(gate_of(folder), OPTIONS.model_copy(update=options))
    return Searcher(gate, lambda _: HashedEmbedder())


@pytest.fixture(scope="module")
def searcher(project_folder: Path) -> Iterator[Searcher]:
    opened = searcher_of(project_folder)
    yield opened
    opened.close()


def keys(found: Found) -> list[str]:
    return [hit.key[0] for hit in found.hits]


def test_an_answer_names_the_version_that_it_is_from(searcher: Searcher) -> None:
    found = searcher.search("vpn gateway")
    assert (found.asset, found.version, found.source, found.source_version) == (EMBEDDING, 2, OPTIONS.source, 2)
    assert found.is_served
    assert keys(found)[0] == "A-1"
    assert len(found.hits) == 3  # more were asked for than there are


def test_a_kept_version_answers_as_it_did(searcher: Searcher) -> None:
    assert keys(searcher.search("sql injection", mode="text")) == []
    found = searcher.search("sql injection", mode="text", version=1)
    assert (found.version, found.source_version, found.is_served, keys(found)) == (1, 1, False, ["A-4"])


def test_conditions_with_and_without_values(searcher: Searcher) -> None:
    assert keys(searcher.search("anything at all", where="score < 6")) == ["A-2"]
    assert keys(searcher.search("anything at all", where="vendor = ?", values=["pixel"])) == ["A-3"]


@pytest.mark.parametrize(
    ("text", "asked", "says"),
    [
        ("", {}, "no word in it"),
        (" \n\t", {}, "no word in it"),
        ("?!…", {}, "no word in it"),
        ("x" * (LONGEST_QUESTION + 1), {}, "20,001 characters"),
        ("bad \udcff byte", {}, "position 5"),
        ("vpn", {"k": 0}, "at least one"),
        ("vpn", {"k": -3}, "at least one"),
        (3, {}, "`text` is a text, not int"),
        (None, {}, "`text` is a text, not NoneType"),
        ("vpn", {"k": "a"}, "`k` is a whole number, not str"),
        ("vpn", {"k": 2.5}, "`k` is a whole number, not float"),
        ("vpn", {"k": True}, "`k` is a whole number, not bool"),
        ("vpn", {"asset": 7}, "`asset` is a text or left out, not int"),
        ("vpn", {"where": b"true"}, "`where` is a text or left out, not bytes"),
        ("vpn", {"where": "id = ?", "values": "A-1"}, "`values` is a list or a tuple, not str"),
        ("vpn", {"version": "2"}, "`version` is a whole number or left out, not str"),
        ("vpn", {"mode": 3}, "no way of searching 3"),
        ("vpn", {"backend": []}, r"no backend \[\]"),
        ("vpn", {"mode": "magic"}, "Known: hybrid, vector, text"),
        ("vpn", {"asset": "marts.advisory"}, "no embedding of the project.*Known: embeddings.advisory"),
        ("vpn", {"where": ""}, "it is empty"),
        ("vpn", {"where": "true) UNION SELECT 1 FROM x WHERE (true"}, "before its own end"),
        ("vpn", {"where": "id IN (SELECT content FROM read_text('/etc/passwd'))"}, "read_text"),
        ("vpn", {"where": "nope = 1"}, "Columns of marts.advisory: id, title"),
        ("vpn", {"where": "vendor = ?"}, "cannot be used"),
        ("vpn", {"values": ["x"]}, "without a condition"),
        ("vpn", {"where": "vendor = ?", "values": ["bad \udcff"]}, "value of the condition is not valid text"),
    ],
)
def test_a_question_that_cannot_be_asked_says_why(
    searcher: Searcher, text: Any, asked: dict[str, Any], says: str
) -> None:
    with pytest.raises(Misuse, match=says):
        searcher.search(text, **asked)


def test_odd_texts_are_asked_as_they_are(searcher: Searcher) -> None:
    assert keys(searcher.search("vpn\x00gateway"))[0] == "A-1"
    assert keys(searcher.search("ＶＰＮ gäteway 漢字 🦜'; DROP TABLE x; --", mode="text")) == ["A-1"]
    assert keys(searcher.search("vpn " * (LONGEST_QUESTION // 4), mode="text")) == ["A-1"]


def test_a_version_that_never_was_is_named(searcher: Searcher) -> None:
    with pytest.raises(UnknownVersion, match="no version 9"):
        searcher.search("vpn", version=9)


def test_a_missing_or_damaged_folder_is_made_out_of_the_lake(project_folder: Path) -> None:
    local = project_folder / "home/projections/local" / EMBEDDING
    shutil.rmtree(local)
    with_nothing = searcher_of(project_folder)
    assert keys(with_nothing.search("vpn", mode="text")) == ["A-1"]
    with_nothing.close()
    (folder,) = (path for path in local.iterdir() if path.is_dir())
    (folder / "weights.npy").write_bytes(b"cut short")
    assert keys(searcher_of(project_folder).search("vpn", mode="text")) == ["A-1"]


def test_a_file_that_is_damaged_while_a_process_answers_from_it_is_made_anew(project_folder: Path) -> None:
    asking = searcher_of(project_folder)
    right = asking.search("vpn", mode="vector")
    for vectors in (project_folder / "home/projections/local" / EMBEDDING).glob("*/vectors.npy"):
        with vectors.open("r+b") as opened:
            opened.seek(-64, 2)
            opened.write(b"\x00" * 64)
    assert asking.search("vpn", mode="vector") == right
    asking.close()


def test_vectors_of_another_embedder_are_not_compared(project_folder: Path) -> None:
    gate = declare_embedding(gate_of(project_folder))
    declared = gate.assets[EMBEDDING]
    other = replace(declared.build, identity=IDENTITY.model_copy(update={"weights": "1"}))  # type: ignore[type-var]
    searcher = Searcher(replace(gate, assets={EMBEDDING: replace(declared, build=other)}), lambda _: HashedEmbedder())
    with pytest.raises(Misuse, match="two embedders do not compare"):
        searcher.search("vpn")
    assert keys(searcher.search("vpn", mode="text")) == ["A-1"]


def test_an_embedding_that_is_not_kept_in_files_says_so(project_folder: Path) -> None:
    with pytest.raises(Misuse, match="no local projection"):
        searcher_of(project_folder, projections=()).search("vpn")


def test_a_project_with_no_embedding_or_several_says_which_there_are(project_folder: Path) -> None:
    gate = declare_embedding(gate_of(project_folder))
    none = replace(gate, assets={})
    with pytest.raises(Misuse, match="declares no embedding"):
        Searcher(none, lambda _: HashedEmbedder()).search("vpn")
    other = AssetKey("embeddings.other")
    both = replace(gate, assets={**gate.assets, other: replace(gate.assets[EMBEDDING], key=other)})
    with pytest.raises(Misuse, match=r"name one with --asset.*embeddings\.advisory, embeddings\.other"):
        Searcher(both, lambda _: HashedEmbedder()).search("vpn")


def test_what_is_published_rolled_back_or_not_there_yet_is_seen_by_the_next_question(tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    searcher = searcher_of(folder)
    root = gate_of(folder).settings.home.root
    with pytest.raises(Misuse, match=r"never published.*orchestrator build embeddings\.advisory"):
        searcher.search("vpn")
    publish_advisories(root, ADVISORIES[:1])
    publish_embedding(root)
    assert searcher.search("vpn").version == 1
    publish_advisories(root)
    publish_embedding(root)
    found = searcher.search("vpn", where="score = 5.4")
    assert (found.version, keys(found)) == (2, ["A-2"])
    rollback(declare_embedding(gate_of(folder)), Goal(str(EMBEDDING)), why="wrong", by="ada")
    with pytest.raises(Misuse, match="was rolled back and serves nothing"):
        searcher.search("vpn")
    assert not searcher.search("vpn", version=2).is_served


def test_the_limits_of_conditions_are_the_projects(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text("[tool.orchestrator.search]\ncondition_seconds = 0.5\ncondition_memory_mb = 64\n")
    assert load_searching(file) == Searching(condition_seconds=0.5, condition_memory_mb=64)
    file.write_text("[tool.orchestrator.search]\ncondition_memory_mb = 0.5\n")
    with pytest.raises(DefinitionError, match="search] cannot have 'condition_memory_mb'"):
        load_searching(file)
