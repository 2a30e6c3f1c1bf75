"""How an embedding is built: only what changed is embedded, whatever was embedded once is recalled."""

import shutil
from pathlib import Path

import duckdb
import pytest
from embedded_notes import (
    COMPONENT,
    NOTES,
    build_and_die,
    embedded,
    gate_of_notes,
    make_notes,
    note,
    outcome_of,
    write_notes,
)
from hashed_embedder import BATCH, HashedEmbedder, hashed_embedders
from killed_run import run_killed
from small_project import write_files

from orchestrator_platform.errors import Misuse
from orchestrator_platform.gate.outcomes import Failed, Held, Published, Rejected, Unchanged, Waiting
from orchestrator_platform.learning.kept_vectors import KeptVectors, new_segment
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.operations.rollback import Goal, rollback
from orchestrator_platform.records.embedders import EmbeddingCost

ROWS = [note(number) for number in range(60)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_notes(tmp_path_factory.mktemp("made"))
    write_notes(folder, ROWS)
    counts = embedded(folder)
    assert (counts.embedded, counts.reused, counts.removed, counts.empty) == (60, 0, 0, 0)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """The project with sixty notes published, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "project"))


def rows_of(folder: Path) -> list[tuple[object, ...]]:
    listed = "note_id, chunk, text_hash, source_hash, embedder, n_tokens, truncated, vector"
    platform = Platform.open(folder / "home", folder)
    return platform.query(f"SELECT {listed} FROM {NOTES} ORDER BY note_id, chunk").fetchall()


def test_only_texts_that_changed_are_embedded(folder: Path) -> None:
    write_notes(folder, [note(0, words="quite another text"), *ROWS[1:55], note(100), (101, None, " ", "", "")])
    counts = embedded(folder)
    assert (counts.embedded, counts.reused, counts.removed, counts.empty) == (2, 54, 5, 1)
    assert [row[0] for row in rows_of(folder)] == [*range(55), 100]


def test_what_was_built_by_change_is_what_a_full_build_gives(folder: Path, tmp_path: Path) -> None:
    changed = [note(0, words="quite another text"), *ROWS[3:], note(100)]
    write_notes(folder, changed)
    embedded(folder)
    anew = make_notes(tmp_path / "anew")
    write_notes(anew, changed)
    embedded(anew)
    assert rows_of(folder) == rows_of(anew)


def test_equal_texts_are_embedded_once(tmp_path: Path) -> None:
    folder = make_notes(tmp_path)
    write_notes(folder, [(number, "the same", "text", "", "") for number in range(30)])
    counts = embedded(folder)
    assert (counts.embedded, len(rows_of(folder))) == (1, 30)


def test_going_back_and_forth_embeds_nothing(folder: Path) -> None:
    changed = [*ROWS[:50], *(note(number, words=f"other {number}") for number in range(50, 60))]
    write_notes(folder, changed)
    assert embedded(folder).embedded == 10
    write_notes(folder, ROWS)
    assert (embedded(folder).embedded, embedded_now(folder, changed)) == (0, 0)


def embedded_now(folder: Path, rows: list[tuple[object, ...]]) -> int:
    write_notes(folder, rows)
    return embedded(folder).embedded


def test_a_lost_cache_is_filled_again_from_every_kept_version(folder: Path) -> None:
    write_notes(folder, ROWS[:30])
    embedded(folder)
    shutil.rmtree(folder / "home" / "cache")
    write_notes(folder, [*ROWS, note(100)])
    counts = embedded(folder)
    assert (counts.embedded, counts.recalled, counts.reused) == (1, 30, 30)


def test_a_lost_cache_is_filled_again_from_quarantine(folder: Path) -> None:
    """A candidate that was held for its number of rows has vectors that are as good as any."""
    no_rows = "SELECT * FROM embeddings.notes WHERE note_id >= 100\n"
    component = f"{COMPONENT}      checks: [{{name: few, file: few.sql}}]\n"
    write_files(folder, {"defs/vectors/defs.yaml": component, "defs/vectors/few.sql": no_rows})
    write_notes(folder, [*ROWS, note(100), note(101)])
    assert isinstance(outcome_of(folder), Rejected)
    shutil.rmtree(folder / "home" / "cache")
    write_files(folder, {"defs/vectors/defs.yaml": COMPONENT})
    counts = embedded(folder)
    assert (counts.embedded, counts.recalled) == (0, 2)


def test_vectors_that_were_rejected_are_not_taken_from_quarantine(folder: Path) -> None:
    write_notes(folder, [*ROWS, note(100)])
    lying = HashedEmbedder()
    lying.vector = HashedEmbedder("other").vector  # type: ignore[method-assign]
    made = iter([lying])
    rejected = outcome_of(folder, gate_of_notes(folder, hashed_embedders(lambda: next(made, HashedEmbedder()))))
    assert isinstance(rejected, Rejected)
    assert [finding.check for finding in rejected.verdict.blocking] == ["vectors_of_their_texts"]
    shutil.rmtree(folder / "home" / "cache")
    write_notes(folder, [*ROWS, note(100), note(101)])
    assert embedded(folder).embedded == 2


def test_a_full_rebuild_takes_nothing_over(folder: Path) -> None:
    """So that vectors that were kept wrongly can be got rid of."""
    kept = next(path for path in (folder / "home" / "cache" / "vectors").iterdir() if path.is_dir())
    store = KeptVectors(kept)
    duckdb.execute(f"CREATE TABLE wrong AS SELECT * REPLACE (list_reverse(vector) AS vector) FROM {store.relation()}")
    shutil.rmtree(kept)
    with new_segment(kept) as segment:
        duckdb.execute(f"COPY wrong TO '{segment}' (FORMAT parquet)")
    duckdb.execute("DROP TABLE wrong")
    write_notes(folder, [*((1000 + row[0], *row[1:]) for row in ROWS), note(70)])
    assert isinstance(outcome_of(folder), Rejected)
    assert isinstance(outcome_of(folder), Held)
    counts = embedded(folder, rebuild=True)
    assert (counts.embedded, counts.recalled, counts.reused) == (61, 0, 0)


def test_another_embedder_makes_a_whole_new_candidate(folder: Path) -> None:
    counts = embedded(folder, gate_of_notes(folder, hashed_embedders(salt="other")))
    assert (counts.embedded, counts.reused) == (60, 0)
    assert {row[4] for row in rows_of(folder)} == {HashedEmbedder("other").identity.hash()}
    assert embedded(folder).embedded == 0


def test_a_changed_template_embeds_the_texts_that_it_changes(folder: Path) -> None:
    write_files(folder, {"defs/vectors/defs.yaml": COMPONENT.replace("[title, body]", "'{title}: {body}'")})
    counts = embedded(folder)
    assert (counts.embedded, counts.reused) == (60, 0)


def test_what_only_shows_or_serves_rows_builds_nothing(folder: Path) -> None:
    write_files(folder, {"defs/vectors/defs.yaml": COMPONENT.replace("show: [title]", "show: [body]")})
    assert isinstance(outcome_of(folder), Unchanged)


def test_long_texts_are_cut_into_pieces_and_found_by_each(folder: Path) -> None:
    write_files(folder, {"defs/vectors/defs.yaml": COMPONENT + "      chunk: {tokens: 8, overlap: 2}\n"})
    long = (100, "long", " ".join(f"word{number}" for number in range(40)), "", "")
    write_notes(folder, [*ROWS, long])
    counts = embedded(folder)
    assert counts.truncated == 0
    pieces = [row[1] for row in rows_of(folder) if row[0] == 100]
    assert pieces == list(range(len(pieces)))
    assert len(pieces) > 4
    write_notes(folder, [*ROWS, (*long[:2], "short now", "", "")])
    again = embedded(folder)
    assert (again.embedded, again.reused) == (1, 60)
    assert [row[1] for row in rows_of(folder) if row[0] == 100] == [0]


def test_texts_that_are_cut_are_counted_and_warned_of(tmp_path: Path) -> None:
    folder = make_notes(tmp_path)
    write_notes(folder, [(number, f"n{number}", "very long " * 40, "", "") for number in range(5)])
    outcome = outcome_of(folder)
    assert isinstance(outcome, Published)
    assert outcome.counts is not None
    assert outcome.counts.truncated == 5
    (texts,) = (finding for finding in outcome.findings if finding.check == "texts")
    assert not texts.passed
    assert "5 cut" in texts.message


def test_odd_texts_are_embedded_and_blank_ones_counted(tmp_path: Path) -> None:
    folder = make_notes(tmp_path)
    odd = ["𝕏" * 5_000, "Ã¼ber FÃ¤lle", "ترجمة 翻訳", "word " * 400_000, "nul \x00 inside"]
    blank = ["\x00\x01", "\u3000\ufeff\u200b", "", None]
    write_notes(folder, [(number, "", text, "", "") for number, text in enumerate([*odd, *blank])])
    counts = embedded(folder)
    assert (counts.embedded, counts.empty) == (len(odd), len(blank))
    assert [row[0] for row in rows_of(folder)] == list(range(len(odd)))


def test_an_embedding_over_a_rejected_table_is_withheld_then_waits(tmp_path: Path) -> None:
    folder = make_notes(tmp_path)
    write_notes(folder, [note(1), note(1)])
    assert isinstance(outcome_of(folder), Waiting)


def test_a_build_that_was_killed_half_way_goes_on_from_what_it_had(folder: Path) -> None:
    """Twenty batches of 64 were done; two segments of 512 of them were kept."""
    write_notes(folder, [note(number) for number in range(2_000)])
    build(gate_of_notes(folder), ["marts.notes"])
    assert run_killed(folder, "embedded_notes", "nothing", "after", build_and_die) == -9
    counts = embedded(folder)
    assert counts.reused == 60
    assert counts.recalled == 1_024
    assert counts.embedded == 2_000 - 60 - 1_024


def test_a_damaged_segment_costs_embedding_anew_and_nothing_else(folder: Path) -> None:
    for segment in (folder / "home" / "cache" / "vectors").rglob("*.parquet"):
        segment.chmod(0o644)
        segment.write_bytes(segment.read_bytes()[: segment.stat().st_size // 2])
    write_notes(folder, [(1000 + row[0], *row[1:]) for row in ROWS])
    assert embedded(folder).embedded == 60


def test_vectors_that_were_changed_where_they_are_kept_are_not_recalled(folder: Path) -> None:
    served = [row[-1] for row in rows_of(folder)]
    (segment,) = (folder / "home" / "cache" / "vectors").rglob("*.parquet")
    segment.chmod(0o644)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE kept AS FROM '{segment}'")
        swapped = (
            "text_hash, n_tokens, truncated, CASE rowid WHEN 0 THEN list_transform(vector, x -> -x) ELSE vector END"
        )
        connection.execute(f"COPY (SELECT {swapped} AS vector FROM kept) TO '{segment}' (FORMAT parquet)")
    write_notes(folder, [(1000 + row[0], *row[1:]) for row in ROWS])
    assert embedded(folder).embedded == 60
    assert [row[-1] for row in rows_of(folder)] == served


def test_many_segments_become_one(folder: Path) -> None:
    (kept,) = (path for path in (folder / "home" / "cache" / "vectors").iterdir() if path.is_dir())
    (segment,) = kept.glob("*.parquet")
    with duckdb.connect() as connection:
        for number in range(60):
            with new_segment(kept) as part:
                others = f"SELECT * REPLACE (text_hash || '{number}' AS text_hash) FROM '{segment}'"
                connection.execute(f"COPY ({others}) TO '{part}' (FORMAT parquet)")
    write_notes(folder, [*ROWS, note(100)])
    assert embedded(folder).embedded == 1
    assert len(list(kept.glob("*.parquet"))) == 1


def test_an_embedder_that_fails_publishes_nothing_and_keeps_what_is_done(folder: Path) -> None:
    class Failing(HashedEmbedder):
        def embed(self, texts):  # type: ignore[no-untyped-def]
            yield next(super().embed(texts))
            raise Misuse("The endpoint does not answer. Nothing was embedded. Try again.")

    write_notes(folder, [note(number) for number in range(200)])
    failed = outcome_of(folder, gate_of_notes(folder, hashed_embedders(Failing)))
    assert isinstance(failed, Failed)
    assert "The endpoint does not answer" in failed.message
    assert embedded(folder).recalled == BATCH


def test_builds_of_one_gate_share_an_embedder_and_each_tells_what_it_asked_itself(folder: Path) -> None:
    class Counting(HashedEmbedder):
        @property
        def cost(self) -> EmbeddingCost:
            return EmbeddingCost(n_requests=n_asked)

        def embed(self, texts):  # type: ignore[no-untyped-def]
            nonlocal n_asked
            for batch in super().embed(texts):
                n_asked += 1
                yield batch
                if n_asked == 1:
                    raise Misuse("The endpoint does not answer. Nothing was embedded. Try again.")

    def made() -> HashedEmbedder:
        opened.append(Counting())
        return opened[-1]

    n_asked, opened = 0, []
    write_notes(folder, [note(number) for number in range(200)])
    gate = gate_of_notes(folder, hashed_embedders(made))
    assert isinstance(outcome_of(folder, gate), Failed)
    # Of 140 texts those of the first batch were kept: two batches are left.
    assert embedded(folder, gate).n_requests == 2
    # The auditor has one of its own.
    assert len(opened) == 2


def test_vectors_of_a_table_that_was_taken_back_go_with_it(folder: Path) -> None:
    write_notes(folder, [*ROWS[:-1], note(100)])
    embedded(folder)
    rollback(gate_of_notes(folder), Goal("marts.notes", 1), why="wrong notes", by="ada")
    assert [row[0] for row in rows_of(folder)] == list(range(60))
