"""Whoever can write to the home: other programs of the same user, and failing disks."""

import shutil
import sqlite3
from contextlib import closing

from red_team.arena import AS_PUBLISHED, FORGED, TOTALS, Arena, attach_catalog, forged_parquet, overwrite
from red_team.facing import Case, Tried

from orchestrator_platform.lake.session import connect

FORGE = "SELECT * REPLACE (total + 1 AS total) FROM t"


def _truncated(arena: Arena) -> Tried:
    for file in arena.parquet_of(TOTALS):
        overwrite(file, file.read_bytes()[:100])
    return ""


def _earlier_version_forged(arena: Arena) -> Tried:
    forged_parquet(arena.parquet_of(TOTALS)[0], "SELECT * REPLACE (total + 1 AS total) FROM t")
    return ""


def _foreign_snapshot(arena: Arena) -> Tried:
    with attach_catalog(arena.lake) as connection:
        connection.execute(f"INSERT INTO lake.marts.totals VALUES ('{FORGED}', 1)")
    return ""


def _other_readers_copy(arena: Arena) -> Tried:
    """Made from the catalog, with a snapshot of its own, and put in the place of the readers' copy."""
    readers, forged = arena.lake / "readers.sqlite", arena.project / "forged.sqlite"
    shutil.copy(readers, forged)
    with connect() as connection:
        connection.execute(f"ATTACH 'ducklake:sqlite:{forged}' AS mine (DATA_INLINING_ROW_LIMIT 0)")
        connection.execute(f"INSERT INTO mine.marts.totals VALUES ('{FORGED}', 1)")
    forged.replace(readers)
    return "the next look makes the copy anew from the catalog"


def _readers_copy_points_elsewhere(arena: Arena) -> Tried:
    """The snapshot's number stays; a file of a table is another one."""
    file, forged = arena.parquet_of(TOTALS)[-1], arena.project / "forged.parquet"
    with connect() as connection:
        connection.execute(f"CREATE TABLE t AS FROM '{file}'")
        connection.execute(f"COPY ({FORGE}) TO '{forged}' {AS_PUBLISHED}")
        footer = int.from_bytes(forged.read_bytes()[-8:-4], "little")
    with closing(sqlite3.connect(arena.lake / "readers.sqlite")) as catalog:
        changed = catalog.execute(
            "UPDATE ducklake_data_file SET path = ?, path_is_relative = 0, file_size_bytes = ?, footer_size = ?"
            " WHERE path LIKE ?",
            (str(forged), forged.stat().st_size, footer, f"%{file.name}"),
        )
        assert changed.rowcount == 1
        catalog.commit()
    return ""


def _newer_home(arena: Arena) -> Tried:
    kept = (arena.home / "home.json").read_text("utf-8")
    arena.write("home/home.json", '{"format": 99}')
    try:
        return arena.build()
    finally:
        arena.write("home/home.json", kept)


CASES = (
    Case("truncates_file", "other program", "cuts the files of a table off", _truncated),
    Case(
        "forges_earlier_version",
        "other program",
        "changes numbers in a file that only an earlier version reads",
        _earlier_version_forged,
    ),
    Case("foreign_snapshot", "other DuckDB", "inserts rows into the writer's catalog", _foreign_snapshot),
    Case(
        "other_readers_copy",
        "other program",
        "puts another catalog in the place of the readers' copy",
        _other_readers_copy,
    ),
    Case(
        "readers_copy_edited",
        "other program",
        "lets the readers' copy point to another file",
        _readers_copy_points_elsewhere,
    ),
    Case("other_format", "other program", "edits the format of the home", _newer_home),
)
