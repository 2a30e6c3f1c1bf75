"""Kept vectors that no build will ask for are told of and freed; those that one may ask for stay."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from embedded_notes import embedded, gate_of_notes, make_notes, note, write_notes
from hashed_embedder import hashed_embedders, identity_of
from small_project import write_files

from orchestrator_platform.learning.kept_vectors import KeptVectors
from orchestrator_platform.operations.gc import collect_garbage, plan_gc
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.operations.unneeded_vectors import unneeded_vectors

OTHER = "0123456789abcdef"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_notes(tmp_path_factory.mktemp("kept"), golden=True)
    write_notes(made, [note(number) for number in range(20)])
    embedded(made)
    return made


def platform_of(folder: Path, salt: str = "") -> Platform:
    platform = Platform.open(folder / "home", folder)
    platform.__dict__["gate"] = gate_of_notes(folder, hashed_embedders(salt=salt))
    return platform


def left_behind(folder: Path) -> list[Path]:
    """What a killed run leaves: half a store, half a segment, and a store of an embedder that was declared once."""
    vectors = folder / "home/cache/vectors"
    store = vectors / identity_of().hash()
    files = {f"{OTHER}.77.partial/1.parquet": "half", f"{store.name}/2.partial": "half", f"{OTHER}/3.parquet": "other"}
    write_files(vectors, files)
    return [vectors / f"{OTHER}.77.partial", vectors / store.name / "2.partial", vectors / OTHER]


def age(paths: list[Path]) -> None:
    two_hours_ago = datetime.now(UTC).timestamp() - 7200
    for path in paths:
        for each in (*path.glob("*"), path):
            os.utime(each, (two_hours_ago, two_hours_ago))


def test_what_no_build_asks_for_is_told_of_and_freed_and_the_rest_stays(folder: Path) -> None:
    paths = left_behind(folder)
    age(paths)
    named = {path.relative_to(folder / "home").as_posix() for path in paths}
    planned = plan_gc(platform_of(folder)).folders
    assert {freed.name for freed in planned} == named
    assert all(path.exists() for path in paths)
    collected = collect_garbage(platform_of(folder), by="ada")
    assert {freed.name for freed in collected.plan.folders} == named
    assert not any(path.exists() for path in paths)
    assert list((folder / "home/cache/vectors").glob("*/*.parquet"))


def test_what_is_being_written_or_used_stays(folder: Path) -> None:
    half_store, half_segment, store = left_behind(folder)
    home = platform_of(folder).settings.home
    with KeptVectors(store).lock:
        assert unneeded_vectors(home, {half_segment.parent.name}, datetime.now(UTC), remove=True) == ()
    assert half_store.exists()
    assert half_segment.exists()
    assert store.exists()


def test_a_project_that_cannot_be_read_keeps_all_vectors(folder: Path) -> None:
    age([store := left_behind(folder)[2]])
    platform = Platform.open(folder / "home", folder)
    component = folder / "defs/vectors/defs.yaml"
    kept = component.read_text()
    component.write_text("type: [never closed\n")
    try:
        plan_gc(platform)
        assert not [freed for freed in plan_gc(platform).folders if freed.name.endswith(OTHER)]
    finally:
        component.write_text(kept)
    assert store.exists()


def test_vectors_of_the_embedder_before_go_with_the_questions_that_it_was_asked(folder: Path) -> None:
    planned = {Path(freed.name).parent.as_posix() for freed in plan_gc(platform_of(folder, salt="next")).folders}
    assert {"cache/vectors", "cache/audits/questions"} <= planned
