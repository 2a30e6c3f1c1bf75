"""What may be said of an embedding, and the file and line of what may not."""

from pathlib import Path

import pytest
from embedded_notes import COMPONENT, GOLDEN, NOTES, gate_of_notes, make_notes, outcome_of, write_notes
from small_project import write_files

from orchestrator_platform.errors import DefinitionError
from orchestrator_platform.gate.outcomes import Rejected
from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.transforming.tables_read import tables_read

ASSET = AssetKey(NOTES)


def declared(tmp_path: Path, component: str = COMPONENT, **files: str) -> Path:
    folder = make_notes(tmp_path)
    write_notes(folder, [(1, "a", "b", "c", "d")])
    return write_files(folder, {"defs/vectors/defs.yaml": component} | files)


@pytest.mark.parametrize(
    ("change", "line", "problem"),
    [
        (("marts.notes", "marts.nothing"), 5, "reads marts.nothing, and nothing declares it"),
        (("[note_id]", "[title]"), 6, "the key is [title], but marts.notes has the grain [note_id]"),
        (("[title, body]", "[title, summary]"), 7, "marts.notes has no column 'summary'"),
        (("[title, body]", "'{title}. {summary}'"), 7, "marts.notes has no column 'summary'"),
        (("[title, body]", "'no column at all'"), 2, "text names no column"),
        (("[title, body]", "'{title!r}'"), 2, "is not the name of a column"),
        (("show: [title]", "show: [colour]"), 9, "marts.notes has no column 'colour'"),
        (("title: title", "title: name"), 8, "marts.notes has no column 'name'"),
        (("show: [title]", "golden: {file: gone.sql}"), 9, "gone.sql cannot be read"),
        (("show: [title]", "chunk: {tokens: 5, overlap: 5}"), 9, "overlap must be less than tokens"),
        (("show: [title]", "embedder: {kind: onnx}"), 9, "needs 'folder'"),
        (("show: [title]", "colour: red"), 9, "Extra inputs"),
        (("[note_id]", "[Chunk]"), 2, "has the name of a column that every embedding has"),
        (("[note_id]", "[__text]"), 2, "begins with __"),
        (("[note_id]\n", "[query]\n      golden: {file: golden.sql}\n"), 2, "golden queries call the question"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(
    tmp_path: Path, change: tuple[str, str], line: int, problem: str
) -> None:
    with pytest.raises(DefinitionError) as refused:
        gate_of_notes(declared(tmp_path, COMPONENT.replace(*change)))
    assert problem in str(refused.value)
    assert f"defs/vectors/defs.yaml:{line}" in str(refused.value)


def test_two_embeddings_of_one_name_are_refused(tmp_path: Path) -> None:
    folder = declared(tmp_path, **{"defs/again/defs.yaml": COMPONENT})
    with pytest.raises(DefinitionError, match=r"embeddings\.notes is declared already in .*defs/again/defs\.yaml"):
        gate_of_notes(folder)


@pytest.mark.parametrize("sql", ["", " \n", "-- nothing is asked yet"])
def test_golden_queries_that_ask_nothing_are_said_to_be_none(tmp_path: Path, sql: str) -> None:
    outcome = outcome_of(declared(tmp_path, COMPONENT + GOLDEN, **{"defs/vectors/golden.sql": sql}))
    assert isinstance(outcome, Rejected)
    (ran,) = (finding for finding in outcome.verdict.findings if finding.check == "golden_queries_ran")
    assert "StatementRefused" in ran.message


def test_golden_queries_may_only_select(tmp_path: Path) -> None:
    folder = declared(tmp_path, COMPONENT + GOLDEN, **{"defs/vectors/golden.sql": "COPY marts.notes TO 'y'"})
    outcome = outcome_of(folder)
    assert isinstance(outcome, Rejected)
    (ran,) = (finding for finding in outcome.verdict.findings if finding.check == "golden_queries_ran")
    assert "StatementRefused" in ran.message
    assert not (folder / "y").exists()


def test_what_golden_queries_read_are_parents(tmp_path: Path) -> None:
    sql = "WITH x AS (SELECT * FROM marts.other) SELECT query, note_id FROM x JOIN marts.notes USING (note_id)"
    folder = declared(tmp_path, COMPONENT + GOLDEN, **{"defs/vectors/golden.sql": sql})
    with pytest.raises(DefinitionError, match=r"reads marts\.other, .*and nothing declares it"):
        gate_of_notes(folder)


@pytest.mark.parametrize(
    ("sql", "read"),
    [
        ("SELECT a.b, c.d FROM raw.a AS a JOIN raw.c AS c USING (k)", {"raw.a", "raw.c"}),
        ("SELECT * FROM raw.a, raw.b /* FROM raw.d */ -- JOIN raw.e", {"raw.a", "raw.b"}),
        ('FROM "raw"."a" WHERE x IN (SELECT x FROM raw.b)', {"raw.a", "raw.b"}),
        ("SELECT 'FROM raw.a' AS query FROM (VALUES (1)) AS t(x)", set()),
    ],
)
def test_tables_are_told_from_columns_comments_and_texts(sql: str, read: set[str]) -> None:
    known = {AssetKey(f"raw.{name}") for name in "abcde"}
    assert tables_read(sql, known) == read


def test_the_contract_follows_from_the_sources_key(tmp_path: Path) -> None:
    contract = gate_of_notes(declared(tmp_path)).assets[ASSET].contract
    assert [(column.name, column.type) for column in contract.columns] == [
        ("note_id", "BIGINT"),
        ("chunk", "INTEGER"),
        ("text_hash", "VARCHAR"),
        ("source_hash", "VARCHAR"),
        ("embedder", "VARCHAR"),
        ("n_tokens", "INTEGER"),
        ("truncated", "BOOLEAN"),
        ("vector", "FLOAT[]"),
    ]
    assert contract.grain == ("note_id", "chunk")
    assert not any(column.nullable for column in contract.columns)


@pytest.mark.parametrize(
    ("change", "vectors", "audits"),
    [
        (("show: [title]", "show: [body]"), False, False),
        (("[title, body]", "[title]"), True, False),
        (("show: [title]", "chunk: {tokens: 9, overlap: 1}"), True, False),
        (("min_ndcg: 0.5", "min_ndcg: 0.6"), False, True),
    ],
)
def test_only_what_changes_vectors_builds_and_only_what_judges_judges_again(
    tmp_path: Path, change: tuple[str, str], vectors: bool, audits: bool
) -> None:
    golden = {"defs/vectors/golden.sql": "SELECT title AS query, note_id FROM marts.notes"}
    folder = declared(tmp_path, COMPONENT + GOLDEN, **golden)
    before = gate_of_notes(folder).assets[ASSET]
    write_files(folder, {"defs/vectors/defs.yaml": (COMPONENT + GOLDEN).replace(*change)})
    after = gate_of_notes(folder).assets[ASSET]
    assert (after.code_version != before.code_version, after.audits != before.audits) == (vectors, audits)
