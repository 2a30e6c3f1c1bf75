"""Homes that are taken back, copied and restored go on answering, from what is published there."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from embedded import SOURCE, declare_embedding
from embedded_notes import embedded, gate_of_notes, make_notes, note, write_notes
from hashed_embedder import HashedEmbedder
from small_project import gate_of, make_project

from orchestrator_platform.gate.context import Gate
from orchestrator_platform.home_format import make_home
from orchestrator_platform.operations.backup import back_up
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.operations.projections import read_projections
from orchestrator_platform.operations.restore import restore
from orchestrator_platform.operations.rollback import Goal, rollback
from orchestrator_platform.operations.search import Searcher
from orchestrator_platform.settings import Home

sys.path.insert(0, str(Path(__file__).parents[1] / "lake"))
import publishing  # isort: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two versions: in the second every tenth note says something else."""
    made = make_notes(tmp_path, golden=True)
    rows = [note(number) for number in range(40)]
    write_notes(made, rows)
    embedded(made)
    write_notes(made, [note(n, words="rewritten otherwise") if n % 10 == 0 else rows[n] for n in range(40)])
    embedded(made)
    return made


def answers(gate: Gate, text: str, mode: str) -> tuple[int, list[int]]:
    searcher = Searcher(gate, lambda _: HashedEmbedder())
    try:
        found = searcher.search(text, mode=mode, k=4)
        return found.version, [hit.key[0] for hit in found.hits]
    finally:
        searcher.close()


def test_a_source_that_is_taken_back_takes_its_answers_back(folder: Path) -> None:
    gate = gate_of_notes(folder)
    assert sorted(answers(gate, "rewritten otherwise", "vector")[1]) == [0, 10, 20, 30]
    rollback(gate, Goal("marts.notes", 1), why="wrong", by="ada")
    (state,) = read_projections(gate_of_notes(folder))
    assert (state.serving, state.published, state.is_behind) == (3, 3, False)
    assert answers(gate_of_notes(folder), "rewritten otherwise", "text") == (3, [])
    version, first = answers(gate_of_notes(folder), note(10)[1], "hybrid")
    assert (version, first[0]) == (3, 10)


def test_a_restored_home_answers_as_the_one_that_was_copied(folder: Path, tmp_path: Path) -> None:
    gate = gate_of_notes(folder)
    make_home(gate.settings.home)
    back_up(gate.settings, tmp_path / "copy", by="ada")
    settings = replace(gate.settings, home=Home(tmp_path / "elsewhere"))
    restore(settings, tmp_path / "copy", by="ada")
    restored = replace(gate_of_notes(folder), settings=settings)
    assert [state.serving for state in read_projections(restored)] == [None]  # copies are made anew, not restored
    for mode in ("vector", "hybrid"):
        assert answers(restored, note(7)[1], mode) == answers(gate, note(7)[1], mode)


@pytest.mark.parametrize("column", ["rowid", "RowID"])
def test_a_table_with_a_column_called_as_the_ids_of_rows_comes_back_as_it_was(tmp_path: Path, column: str) -> None:
    made = make_project(tmp_path)
    root = gate_of(made).settings.home.root
    for changed in ("false", "i = 3"):
        # Every row names another row's id.
        sql = f"SELECT i::VARCHAR AS id, (19 - i)::BIGINT AS {column}, {changed} AS changed FROM range(20) AS t(i)"
        publishing.publish(root, publishing.close(root, SOURCE, sql, key=("id",)))
    platform = Platform.open(root, made)
    before, after = (sorted(platform.read(SOURCE, version=version).fetchall()) for version in (1, 2))
    assert before != after
    rollback(declare_embedding(gate_of(made)), Goal(str(SOURCE), 1), why="wrong", by="ada")
    assert sorted(Platform.open(root, made).read(SOURCE).fetchall()) == before
