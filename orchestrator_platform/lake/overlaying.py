"""Lays a lake over another one: a catalog of its own that names the other's files where they are.

What is committed over it is written in its own folder; of the lake below, only the readers' copy is opened, for
reading.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from ..errors import HomeMoved, Misuse
from ..records.keys import Snapshot
from .catalog import data_path_of, moved_path, resolve_path
from .layout import LakeLayout
from .readers import latest_snapshot, replace_readers_copy

_FILES = {"ducklake_data_file": "data_file_id", "ducklake_delete_file": "delete_file_id"}


def require_published(base: LakeLayout) -> None:
    """Raises Misuse where nothing is published that another lake could lie over."""
    if latest_snapshot(base.readers) is None:
        raise Misuse(
            f"Nothing is published in {base.root.parent}, so there is nothing to lie over. Nothing was made."
            " Name a home in which something serves, or a sample of one, with --lake."
        )


def lay_over(base: LakeLayout, over: LakeLayout) -> Snapshot:
    """Makes the lake `over` of what is published in `base` now, and returns that snapshot.

    The base may have been moved or copied since it was made, and needs no permission to write.

    Raises:
        Misuse: Nothing is published in the base.
        HomeMoved: Files of what serves are not where they would be read.
    """
    require_published(base)
    fresh = over.catalog.with_name(f"{over.catalog.name}.partial")
    over.data.mkdir(parents=True, exist_ok=True)
    try:
        # Each commit puts another file in its place: the bytes of one opening belong together.
        shutil.copyfile(base.readers, fresh)
        _name_files_where_they_are(fresh, base, over)
        found = latest_snapshot(fresh)
        assert found is not None
        fresh.replace(over.catalog)
    finally:
        fresh.unlink(missing_ok=True)
    replace_readers_copy(over)
    return found


def _name_files_where_they_are(catalog: Path, base: LakeLayout, over: LakeLayout) -> None:
    with closing(sqlite3.connect(catalog, isolation_level=None)) as connection:
        old = data_path_of(connection)
        found = {table: list(_files(connection, table, key)) for table, key in _FILES.items()}
        _require_there(found["ducklake_data_file"], old, base)
        connection.execute("BEGIN IMMEDIATE")
        for table, key in _FILES.items():
            connection.executemany(
                f"UPDATE {table} SET path = ?, path_is_relative = 0 WHERE {key} = ?",
                [(str(moved_path(path, old, base.data)), number) for number, path, _ in found[table]],
            )
        for table in ("ducklake_schema", "ducklake_table"):
            rows = connection.execute(f"SELECT rowid, path FROM {table} WHERE NOT path_is_relative").fetchall()
            connection.executemany(
                f"UPDATE {table} SET path = ? WHERE rowid = ?",
                [(f"{moved_path(Path(path), old, over.data)}/", row) for row, path in rows],
            )
        # What waits to be deleted below is for those to delete who work there.
        connection.execute("DELETE FROM ducklake_files_scheduled_for_deletion")
        connection.execute("UPDATE ducklake_metadata SET value = ? WHERE key = 'data_path'", (f"{over.data}/",))
        connection.execute("COMMIT")


def _files(connection: sqlite3.Connection, table: str, key: str) -> Iterator[tuple[int, Path, bool]]:
    """Yields number and path of each file, and whether the newest snapshot shows it."""
    root = data_path_of(connection)
    rows = connection.execute(
        f"SELECT f.{key}, f.path, f.path_is_relative, s.path, s.path_is_relative, t.path, t.path_is_relative,"
        f" f.end_snapshot IS NULL FROM {table} f"
        " JOIN (SELECT *, row_number() OVER (PARTITION BY table_id ORDER BY begin_snapshot DESC) AS newest"
        " FROM ducklake_table) t ON t.table_id = f.table_id AND t.newest = 1"
        " JOIN ducklake_schema s ON s.schema_id = t.schema_id"
    )
    for row in rows.fetchall():
        yield row[0], resolve_path(root, (row[3], row[4]), (row[5], row[6]), (row[1], row[2])), bool(row[7])


def _require_there(files: list[tuple[int, Path, bool]], old: Path, base: LakeLayout) -> None:
    places = [moved_path(path, old, base.data) for _, path, serves in files if serves]
    missing = [place for place in places if not place.exists()]
    if missing:
        raise HomeMoved(old=old.parent, new=base.root, missing=missing[0].name, n_missing=len(missing))
