"""A folder for each version: written beside, switched by one rename, searched as it was, gone when nobody needs it."""

import errno
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest
from embedded import (
    ADVISORIES,
    EMBEDDING,
    OPTIONS,
    SOURCE,
    cut_of,
    publish_advisories,
    publish_embedding,
)
from hashed_embedder import DIM, HashedEmbedder

from orchestrator_platform.errors import Misuse, TargetFailed, VersionNotKept
from orchestrator_platform.projections import local_index, local_vectors
from orchestrator_platform.projections.index_meta import (
    META,
    POSTED,
    ROWS_FILE,
    SHOWN,
    SHOWN_ENDS,
    STARTS,
    STOP_WORDS,
    VECTORS,
    WEIGHTS,
    WORDS,
    find_damage,
    read_meta,
)
from orchestrator_platform.projections.local_search import LocalIndex
from orchestrator_platform.projections.local_vectors import LocalTarget, unneeded
from orchestrator_platform.projections.made_from import find_made
from orchestrator_platform.projections.sealed_files import Depth, sums_of
from orchestrator_platform.projections.serving import Serving
from orchestrator_platform.projections.shown_rows import ShownRows, write_lines
from orchestrator_platform.records.embeddings import Chunking
from orchestrator_platform.records.keys import Version
from orchestrator_platform.records.searches import Condition, Hit, Question, SearchMode
from orchestrator_platform.settings import Searching


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("published")
    publish_advisories(root)
    publish_embedding(root)
    return root


@pytest.fixture
def root(published: Path, tmp_path: Path) -> Path:
    """A copy of the published home; the first look at it brings the lake to its new place."""
    return shutil.copytree(published, tmp_path / "home")


def target_of(root: Path, options: object = OPTIONS) -> LocalTarget:
    return LocalTarget(EMBEDDING, options, root / "projections" / "local")  # type: ignore[arg-type]


def bring(root: Path, target: LocalTarget | None = None) -> Serving:
    cut = cut_of(root)
    return (target or target_of(root)).bring(cut.heads.get(EMBEDDING), cut)


def opened(root: Path, version: int, target: LocalTarget | None = None) -> LocalIndex:
    made = find_made(cut_of(root), EMBEDDING, Version(version), SOURCE)
    return (target or target_of(root)).open(made, Searching())


def ask(text: str, mode: str = "hybrid", k: int = 3, condition: Condition | None = None) -> Question:
    return Question(text, SearchMode(mode), k, HashedEmbedder().vector(text), condition)


def keys(hits: tuple[Hit, ...]) -> list[str]:
    return [hit.key[0] for hit in hits]


def let_through(index: LocalIndex, sql: str) -> list[str]:
    return sorted(keys(index.search(ask("anything", "vector", k=99, condition=Condition(sql)))))


def test_what_is_near_in_meaning_or_words_is_found_and_says_by_what(root: Path) -> None:
    bring(root)
    with opened(root, 1) as index:
        first, second, *_ = index.search(ask("code execution vpn"))
        (by_text,) = index.search(ask("execute vpn codes", "text"))
        by_vector = index.search(ask("code execution vpn", "vector", k=99))
    assert (first.key, first.title) == (("A-1",), "Remote code execution in a VPN gateway")
    assert first.found_by == (SearchMode.VECTOR, SearchMode.TEXT)
    assert first.show == {"vendor": "acme", "score": 9.8}
    assert second.found_by == (SearchMode.VECTOR,)
    assert second.text_score is None
    assert (by_text.key, by_text.vector_score) == (("A-1",), None)  # its words are compared by their stems
    exact = {
        row[0]: HashedEmbedder().vector(f"{row[1]}. {row[2]}") @ HashedEmbedder().vector("code execution vpn")
        for row in ADVISORIES[:5]
    }
    assert {hit.key[0]: hit.score for hit in by_vector} == pytest.approx(exact, abs=1e-6)
    assert keys(by_vector) == sorted(exact, key=lambda key: -exact[key])


ASKED_COLD = """
import sys
from pathlib import Path
from orchestrator_platform.lake.layout import LakeLayout
from orchestrator_platform.lake.published import cut_for_readers
from orchestrator_platform.projections.local_search import LocalIndex
from orchestrator_platform.projections.made_from import find_made
from orchestrator_platform.records.keys import AssetKey, Version
from orchestrator_platform.records.searches import Condition, Question, SearchMode

root, place = map(Path, sys.argv[1:])
find_made(cut_for_readers(LakeLayout(root / "lake"), 5), AssetKey("embeddings.advisory"), Version(1),
          AssetKey("marts.advisory"))
with LocalIndex.open(place, "t") as index:
    (hit,) = index.search(Question("salted passwords", SearchMode.TEXT, 3, None, Condition("score > 6")))
print(hit.key, "pandas" in sys.modules)
"""


def test_a_cold_question_does_not_wait_for_pandas(root: Path) -> None:
    """The first parameter that is bound in a process imports it."""
    command = [sys.executable, "-c", ASKED_COLD, str(root), str(bring(root).place)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.strip() == "('A-5',) False"


def test_a_row_is_found_by_its_key_and_one_without_text_by_nothing(root: Path) -> None:
    bring(root)
    with opened(root, 1) as index:
        assert keys(index.search(ask("a-5", "text")))[:1] == ["A-5"]
        assert "A-6" not in keys(index.search(ask("silent", "hybrid", k=99)))


def test_a_condition_is_about_the_columns_of_the_source(root: Path) -> None:
    bring(root)
    where = Condition("vendor = ? AND score > ?", ("acme", 7))
    with opened(root, 1) as index:
        for mode in SearchMode:
            assert keys(index.search(ask("passwords vpn", mode, condition=where))) == ["A-1"]
        assert let_through(index, "score > 8") == ["A-1", "A-4"]
        assert index.search(ask("vpn", condition=Condition("false"))) == ()


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("nope = 1", "Columns of marts.advisory: id, title, body, vendor, score"),
        ("score = 'x'", "Could not convert"),
        ("count(*) > 1", "aggregates"),
        ("score / 0 > ?", "parameter"),
        ("id IN (SELECT content FROM read_text('/etc/hostname'))", "disabled"),
    ],
)
def test_a_condition_that_cannot_be_computed_or_reaches_further_is_refused(root: Path, sql: str, says: str) -> None:
    bring(root)
    with opened(root, 1) as index, pytest.raises(Misuse, match=says):
        index.search(ask("vpn", condition=Condition(sql)))


HOURS = "list_sum(list_transform(range(100000), x -> list_sum(list_transform(range(100000), y -> x * y)))) > score"
FULL = Searching(condition_seconds=600, condition_memory_mb=100)


@pytest.mark.parametrize(
    ("sql", "limits", "says"),
    [
        (
            HOURS,
            Searching(condition_seconds=0.5, condition_memory_mb=8_000),
            r"takes more than 0\.5 processor seconds, the project's `condition_seconds`",
        ),
        ("len(repeat(body, 10000000)) > 1", FULL, r"takes more than 100 MB, the project's `condition_memory_mb`"),
        ("list_sum(range(1000000000)) > score", FULL, r"takes more than 100 MB, the project's `condition_memory_mb`"),
    ],
)
def test_a_condition_that_takes_too_much_ends_alone(root: Path, sql: str, limits: Searching, says: str) -> None:
    folder = Path(bring(root).place)
    with LocalIndex.open(folder, "t", limits) as index:
        with pytest.raises(Misuse, match=says):
            index.search(ask("vpn", condition=Condition(sql)))
        assert let_through(index, "score > 8") == ["A-1", "A-4"]


def test_a_process_of_conditions_that_is_gone_is_started_again_and_rows_that_are_gone_are_said(root: Path) -> None:
    folder = Path(bring(root).place)
    with LocalIndex.open(folder, "t") as index:
        index.conditions.start()
        assert index.conditions._process is not None
        index.conditions._process.kill()
        index.conditions._process.wait()
        assert let_through(index, "score > 8") == ["A-1", "A-4"]
        index.conditions.close()
        (folder / ROWS_FILE).rename(folder / "elsewhere")
        with pytest.raises(TargetFailed, match="cannot be read"):
            let_through(index, "score > 8")


def test_a_value_that_cannot_be_bound_is_no_answer(root: Path) -> None:
    bring(root)
    with opened(root, 1) as index:
        for value in (object(), lambda: None):
            with pytest.raises(Misuse, match="condition cannot be used"):
                index.search(ask("vpn", condition=Condition("score > ?", (value,))))


def test_the_best_chunk_stands_for_its_row(tmp_path: Path) -> None:
    long = "Something else entirely. " * 8 + "The gateway lets anyone run commands."
    publish_advisories(tmp_path, [("B-1", "Long", long, "x", 1), ("B-2", "Short", "A shop leaks names.", "y", 2)])
    options = OPTIONS.model_copy(update={"chunk": Chunking(tokens=8, overlap=2)})
    publish_embedding(tmp_path, options)
    bring(tmp_path, target_of(tmp_path, options))
    question = "the gateway lets anyone run commands"
    with opened(tmp_path, 1, target_of(tmp_path, options)) as index:
        assert index.meta.n_vectors > index.meta.n_rows == 2
        hits = index.search(ask(question, "vector"))
    pieces = HashedEmbedder().split(f"Long. {long}", 8, 2)
    assert keys(hits) == ["B-1", "B-2"]
    assert hits[0].score == pytest.approx(
        max(HashedEmbedder().vector(piece) @ HashedEmbedder().vector(question) for piece in pieces)
    )


def test_a_condition_sees_the_source_as_it_was_when_it_was_embedded(root: Path) -> None:
    bring(root)
    publish_advisories(root, [(*row[:3], "renamed", row[4]) for row in ADVISORIES])
    served = bring(root)
    with LocalIndex.open(Path(served.place), served.target) as index:
        assert index.meta.source_version == 1
        assert let_through(index, "vendor = 'renamed'") == []
        assert let_through(index, "vendor = 'acme'") == ["A-1", "A-5"]


def test_every_kept_version_answers_as_it_did(root: Path) -> None:
    bring(root)
    publish_advisories(root, [*ADVISORIES[1:], ("A-7", "Leak in a toaster", "It tells what it toasts.", "acme", 2.0)])
    publish_embedding(root)
    target, cut = target_of(root), cut_of(root)
    assert bring(root).version == 2
    with opened(root, 2) as index:
        assert keys(index.search(ask("toaster", "text"))) == ["A-7"]
    with pytest.raises(FileNotFoundError):
        opened(root, 1)
    target.make(find_made(cut, EMBEDDING, Version(1), SOURCE), cut)
    with opened(root, 1) as index:
        assert keys(index.search(ask("vpn", "text"))) == ["A-1"]


def test_the_folder_before_goes_unless_somebody_has_it_open(root: Path) -> None:
    first = Path(bring(root).place)
    with LocalIndex.open(first, "t") as reading:
        publish_advisories(root, ADVISORIES[:3])
        publish_embedding(root)
        second = Path(bring(root).place)
        assert first.exists()
        assert keys(reading.search(ask("salt", "text"))) == ["A-5"]
    assert unneeded(first.parent) == (first,)
    bring(root)
    assert [path.name for path in first.parent.iterdir() if path.is_dir()] == [second.name]


def test_whoever_is_too_late_to_open_a_folder_is_told_that_it_is_gone(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(bring(root).place)
    (folder.parent / local_vectors.NOTE).unlink()
    removes = local_vectors.shutil.rmtree

    def opens_meanwhile(path: Path, **named: object) -> None:
        if path.exists():
            with pytest.raises(FileNotFoundError):
                LocalIndex.open(path, "t")
        removes(path, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(local_vectors.shutil, "rmtree", opens_meanwhile)
    assert local_vectors.remove(folder)
    with pytest.raises(FileNotFoundError):
        LocalIndex.open(folder, "t")


def test_what_a_killed_process_left_is_no_folder_and_goes(root: Path) -> None:
    served = Path(bring(root).place)
    half = served.with_name("0123456789abcdef.77.partial")
    half.mkdir()
    (half / VECTORS).write_bytes(b"half")
    assert read_meta(half) is None
    bring(root)
    assert not half.exists()


@pytest.mark.parametrize("name", [VECTORS, META, "rows.duckdb"])
def test_a_damaged_folder_is_noticed_and_made_anew(root: Path, name: str) -> None:
    folder = Path(bring(root).place)
    (folder / name).write_bytes(b"x")
    with pytest.raises(TargetFailed, match=r"`orchestrator projections rebuild local:embeddings\.advisory`"):
        target_of(root).serving()
    with pytest.raises(TargetFailed, match="damaged"):
        LocalIndex.open(folder, "local:embeddings.advisory")
    bring(root)
    with LocalIndex.open(folder, "t") as index:
        assert keys(index.search(ask("vpn", "text"))) == ["A-1"]


def flip(file: Path, place: int = -3) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    # In place, as a disk does it: the file's size, and what has it open, stay as they are.
    with file.open("r+b") as opened:
        opened.write(content)


@pytest.mark.parametrize(
    "name", [VECTORS, STARTS, POSTED, WEIGHTS, WORDS, STOP_WORDS, SHOWN, SHOWN_ENDS, ROWS_FILE, META]
)
def test_one_flipped_bit_answers_nothing_until_the_folder_is_made_anew(root: Path, name: str) -> None:
    folder = Path(bring(root).place)
    flip(folder / name)
    with pytest.raises(TargetFailed, match=f"is damaged: {name}"):
        target_of(root).serving()
    with pytest.raises(TargetFailed, match=f"is damaged: {name}"):
        LocalIndex.open(folder, "t")
    bring(root)
    with LocalIndex.open(folder, "t") as index:
        assert keys(index.search(ask("vpn", "text"))) == ["A-1"]


def test_what_is_written_to_while_it_is_open_answers_nothing_more(root: Path) -> None:
    folder = Path(bring(root).place)
    with LocalIndex.open(folder, "t") as index:
        assert index.search(ask("vpn"))
        flip(folder / VECTORS)
        with pytest.raises(TargetFailed, match="written to while it was open"):
            index.search(ask("vpn"))


def test_blocks_of_a_file_that_changed_places_change_its_sums(tmp_path: Path) -> None:
    first, second, rest = b"a" * 4096, b"b" * 4096, b"end"
    sums = set()
    for number, content in enumerate((first + second + rest, second + first + rest, first + second + b"enf", b"")):
        (tmp_path / str(number)).write_bytes(content)
        sums.add(sums_of(tmp_path / str(number)))
    assert len(sums) == 4


@pytest.mark.parametrize(
    ("column", "is_in_a_file"),
    [
        ("DATE '2024-05-01'", True),
        ("TIMESTAMP '2024-05-01 12:30:00.000001'", True),
        ("1.10::DECIMAL(9, 2)", True),
        ("170141183460469231731687303715884105727::HUGEINT", True),
        ("'naïve \U0001f99c \"quoted\"'", True),
        ("NULL::VARCHAR", True),
        ("'inf'::DOUBLE", True),
        ("0.1::FLOAT", True),
        ("true", True),
        ("[1, 2]", False),
        ("{'a': 1}", False),
        ("TIMESTAMPTZ '2024-05-01 12:30:00+00'", False),
        ("uuid '00000000-0000-0000-0000-000000000001'", False),
        ("'\\xAA'::BLOB", False),
    ],
)
def test_results_show_the_values_that_the_table_has(tmp_path: Path, column: str, is_in_a_file: bool) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        wanted = connection.execute(f"SELECT 'A', {column} UNION ALL SELECT 'B', {column}").fetchall()
    ends = write_lines(tmp_path / "lines", wanted)
    assert (ends is not None) == is_in_a_file
    if ends is not None:
        shown = ShownRows(np.fromfile(tmp_path / "lines", dtype=np.uint8), ends)
        found = [tuple(shown.read(number)) for number in range(2)]
        assert found == wanted
        assert [type(row[1]) for row in found] == [type(row[1]) for row in wanted]


def test_values_that_only_the_database_keeps_are_shown_out_of_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_index, "write_lines", lambda file, rows: file.touch())
    bring(root)
    with opened(root, 1) as index:
        assert index.shown is None
        assert index.search(ask("code execution vpn"))[0].show == {"vendor": "acme", "score": 9.8}


def test_a_folder_of_another_format_says_so_and_is_made_anew(root: Path) -> None:
    folder = Path(bring(root).place)
    (folder / META).write_text('{"format": 2, "asset": "embeddings.advisory", "sizes": {}}')
    assert find_damage(folder, Depth.SIZE) == "was written in format 2, and 3 is read"
    assert read_meta(Path(bring(root).place)) is not None


def test_bringing_what_is_there_writes_nothing_and_making_it_anew_writes_all(root: Path) -> None:
    folder = Path(bring(root).place)
    written = (folder / META).stat().st_mtime_ns
    bring(root)
    assert (folder / META).stat().st_mtime_ns == written
    cut = cut_of(root)
    target_of(root).rebuild(cut.heads[EMBEDDING], cut)
    assert (folder / META).stat().st_mtime_ns > written
    assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == [folder.name]


def test_nothing_is_served_of_what_was_never_published_or_was_withdrawn(root: Path) -> None:
    target, cut = target_of(root), cut_of(root)
    folder = Path(bring(root).place)
    gone = target.bring(cut.heads[EMBEDDING].model_copy(update={"withdrawn": True}), cut)
    assert (gone.version, gone.place, folder.exists()) == (None, "", False)
    assert target.serving().version is None
    assert target.bring(None, cut).version is None


def test_a_home_that_was_moved_serves_from_its_new_place(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    bring(root)
    moved = tmp_path_factory.mktemp("moved") / "home"
    root.rename(moved)
    served = target_of(moved).serving()
    assert Path(served.place).is_relative_to(moved)


def test_an_embedding_without_a_row_answers_with_nothing(tmp_path: Path) -> None:
    publish_advisories(tmp_path, ADVISORIES[5:])
    publish_embedding(tmp_path)
    bring(tmp_path)
    with opened(tmp_path, 1) as index:
        assert index.search(ask("anything")) == ()


def test_vectors_that_are_not_of_unit_length_are_not_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_advisories(tmp_path)
    monkeypatch.setattr(HashedEmbedder, "vector", lambda embedder, text: np.full(DIM, np.nan, dtype=np.float32))
    publish_embedding(tmp_path)
    with pytest.raises(TargetFailed, match="unit length"):
        bring(tmp_path)
    assert [path.name for path in (tmp_path / "projections/local" / EMBEDDING).iterdir()] == []


def test_a_full_disk_is_an_error_with_a_number_and_kills_nobody() -> None:
    # A mapped file would be the death of the process, and numpy's own way of saving loses what the system said.
    with pytest.raises(OSError) as full:  # noqa: PT011 - its number is looked at
        local_index._save(Path("/dev/full"), np.ones(100_000))
    assert full.value.errno == errno.ENOSPC


def test_a_version_that_is_not_kept_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator_platform.projections.made_from.read_snapshot_of", lambda *_: None)
    with pytest.raises(VersionNotKept, match=r"embeddings\.advisory version 1"):
        find_made(cut_of(root), EMBEDDING, Version(1), SOURCE)


def test_where_the_source_is_not_kept_its_rows_are_those_beside_the_embedding(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestrator_platform.projections import made_from

    reads = made_from.read_snapshot_of
    monkeypatch.setattr(made_from, "read_snapshot_of", lambda c, r: None if r.asset == SOURCE else reads(c, r))
    made = find_made(cut_of(root), EMBEDDING, Version(1), SOURCE)
    assert (made.source_version, made.source_snapshot) == (None, made.snapshot)


def test_titles_and_columns_that_are_asked_for_later_get_a_folder_of_their_own(root: Path) -> None:
    first = bring(root)
    other = target_of(root, OPTIONS.model_copy(update={"show": ("body",)}))
    second = bring(root, other)
    assert first.place != second.place
    with LocalIndex.open(Path(second.place), "t") as index:
        assert index.search(ask("salt", "text"))[0].show == {"body": "Passwords are hashed without a salt."}
    assert replace(other, options=OPTIONS).name == other.name
