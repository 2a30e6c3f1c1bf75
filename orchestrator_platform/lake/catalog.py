"""What a catalog file says of files: where they lie, how large they are, which snapshots show them, and its damage.

A home that was moved or copied is brought to its new place here: added files are stored by absolute path.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from ..errors import CatalogDamaged, HomeMoved, ReadersCopyDamaged
from ..records.keys import AssetKey, Snapshot
from .layout import LakeLayout

_FILE_TABLES = ("ducklake_data_file", "ducklake_delete_file", "ducklake_files_scheduled_for_deletion")
_FOLDER_TABLES = ("ducklake_schema", "ducklake_table")


@dataclass(frozen=True)
class CatalogFile:
    """A file of a table, `schema.name`, that snapshots from `begins` up to, and without, `ends` show."""

    path: Path
    table: str
    size_bytes: int
    begins: Snapshot
    ends: Snapshot | None
    is_deletes: bool

    def is_shown_by(self, snapshot: Snapshot) -> bool:
        """Whether a reader at this snapshot reads the file."""
        return self.begins <= snapshot and (self.ends is None or snapshot < self.ends)


@dataclass(frozen=True)
class Scheduled:
    """A file that no snapshot shows any more since an instant, by its row in the catalog."""

    path: Path
    since: datetime
    row: int


@contextmanager
def open_catalog(catalog: Path) -> Iterator[sqlite3.Connection]:
    """Opens a catalog file for reading; leaves no files beside it where nobody writes.

    Raises:
        sqlite3.DatabaseError: It is no catalog, or damaged.
    """
    alone = not catalog.with_name(f"{catalog.name}-wal").exists()
    how = "mode=ro&immutable=1" if alone else "mode=ro"
    with closing(sqlite3.connect(f"{catalog.absolute().as_uri()}?{how}", uri=True)) as connection:
        yield connection


def find_damage(catalog: Path) -> str | None:
    """Returns what SQLite says is wrong with a catalog file, `None` where nothing is."""
    damage = None
    # A writer that came in between opening and reading looks like damage once, not twice.
    for _ in range(2):
        try:
            with open_catalog(catalog) as connection:
                row = connection.execute("PRAGMA integrity_check(1)").fetchone()
        except sqlite3.DatabaseError as error:
            damage = str(error)
            continue
        if row and row[0] == "ok":
            return None
        damage = str(row[0] if row else "no answer").splitlines()[0]
    return damage


def is_lost(layout: LakeLayout) -> bool:
    """Whether the catalog is missing from a lake that had one."""
    return not layout.catalog.exists() and (layout.readers.exists() or (layout.data / "_platform").exists())


@contextmanager
def guarding_catalog(layout: LakeLayout) -> Iterator[None]:
    """Raises CatalogDamaged where the catalog is to blame for what goes wrong inside, or was lost before."""
    if is_lost(layout):
        # An empty one in its place would hide everything that is published.
        raise CatalogDamaged(catalog=layout.catalog, problem="it is missing, and this lake is not empty")
    try:
        yield
    except (duckdb.Error, sqlite3.Error) as error:
        damage = find_damage(layout.catalog) if layout.catalog.exists() else "it is missing"
        if damage is None:
            raise
        raise CatalogDamaged(catalog=layout.catalog, problem=damage) from error


@contextmanager
def guarding_readers(layout: LakeLayout) -> Iterator[None]:
    """Raises ReadersCopyDamaged where the readers' copy is to blame for what goes wrong inside."""
    try:
        yield
    except (duckdb.Error, sqlite3.Error) as error:
        damage = readers_copy_damage(error, layout)
        if damage is None:
            raise
        raise damage from error


def readers_copy_damage(error: BaseException, layout: LakeLayout) -> ReadersCopyDamaged | None:
    """Returns what to say where the readers' copy is to blame for an error of a database; else `None`."""
    if not isinstance(error, duckdb.Error | sqlite3.Error):
        return readers_copy_damage(error.__cause__, layout) if error.__cause__ else None
    damage = find_damage(layout.readers) if layout.readers.exists() else "it is missing"
    return ReadersCopyDamaged(copy=layout.readers, problem=damage) if damage else None


def read_files(catalog: sqlite3.Connection) -> tuple[CatalogFile, ...]:
    """Returns every file that some snapshot shows."""
    root = data_path_of(catalog)
    found = []
    for table, is_deletes in (("ducklake_data_file", False), ("ducklake_delete_file", True)):
        rows = catalog.execute(
            "SELECT f.path, f.path_is_relative, s.path, s.path_is_relative, t.path, t.path_is_relative,"
            " s.schema_name, t.table_name, f.file_size_bytes, f.begin_snapshot, f.end_snapshot"
            f" FROM {table} f JOIN (SELECT *, row_number() OVER (PARTITION BY table_id ORDER BY begin_snapshot DESC)"
            " AS newest FROM ducklake_table) t ON t.table_id = f.table_id AND t.newest = 1"
            " JOIN ducklake_schema s ON s.schema_id = t.schema_id"
        )
        found += [
            CatalogFile(
                path=resolve_path(root, (row[2], row[3]), (row[4], row[5]), (row[0], row[1])),
                table=f"{row[6]}.{row[7]}",
                size_bytes=row[8],
                begins=Snapshot(row[9]),
                ends=Snapshot(row[10]) if row[10] is not None else None,
                is_deletes=is_deletes,
            )
            for row in rows
        ]
    return tuple(found)


def measure_files(catalog: sqlite3.Connection, asset: AssetKey) -> tuple[int, int]:
    """Returns in how many files, those of deletions among them, and bytes the table lies at the newest snapshot."""
    parts = " UNION ALL ".join(
        f"SELECT table_id, file_size_bytes FROM {table} WHERE end_snapshot IS NULL"
        for table in ("ducklake_data_file", "ducklake_delete_file")
    )
    row = catalog.execute(
        f"SELECT count(*), coalesce(sum(file_size_bytes), 0) FROM ({parts}) WHERE table_id IN (SELECT t.table_id"
        " FROM ducklake_table t JOIN ducklake_schema s USING (schema_id)"
        " WHERE s.schema_name = ? AND t.table_name = ? AND t.end_snapshot IS NULL AND s.end_snapshot IS NULL)",
        [asset.schema, asset.name],
    ).fetchone()
    return int(row[0]), int(row[1])


def read_scheduled(catalog: sqlite3.Connection) -> tuple[Scheduled, ...]:
    """Returns what waits to be deleted until nobody can read it any more."""
    root = data_path_of(catalog)
    rows = catalog.execute(
        "SELECT path, path_is_relative, schedule_start, rowid FROM ducklake_files_scheduled_for_deletion"
    )
    return tuple(
        Scheduled(resolve_path(root, (row[0], row[1])), datetime.fromisoformat(row[2]), int(row[3])) for row in rows
    )


def delete_scheduled(catalog: Path, older_than: datetime) -> int:
    """Deletes the files that no snapshot has shown since then, and returns how many. The caller holds the lock.

    DuckLake's own way compares times in a SQLite catalog as text of two forms, and deletes up to a day early. A file
    that a snapshot shows after all stays, and so does one outside of the lake's own folder: it is another lake's.
    """
    with closing(sqlite3.connect(catalog, isolation_level=None)) as connection:
        due = [item for item in read_scheduled(connection) if item.since <= older_than]
        shown = {file.path for file in read_files(connection)} if due else set()
        own = data_path_of(connection)
        for item in due:
            if item.path not in shown and item.path.is_relative_to(own):
                item.path.unlink(missing_ok=True)
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "DELETE FROM ducklake_files_scheduled_for_deletion WHERE rowid = ?", [(item.row,) for item in due]
        )
        connection.execute("COMMIT")
    return len(due)


def read_snapshot_times(catalog: sqlite3.Connection) -> dict[Snapshot, datetime]:
    """Returns when each snapshot was committed, oldest first."""
    rows = catalog.execute("SELECT snapshot_id, snapshot_time FROM ducklake_snapshot ORDER BY snapshot_id")
    return {Snapshot(row[0]): datetime.fromisoformat(row[1]) for row in rows}


def copy_catalog(source: Path, target: Path) -> None:
    """Copies a catalog as of one instant; whoever writes meanwhile is not held up.

    Raises:
        sqlite3.DatabaseError: It is damaged.
    """
    with open_at_one_instant(source) as reading, closing(sqlite3.connect(target)) as writing:
        reading.backup(writing)
        writing.execute("PRAGMA journal_mode = DELETE")


@contextmanager
def open_at_one_instant(catalog: Path) -> Iterator[sqlite3.Connection]:
    """Opens a catalog under SQLite's own locks: a log that is written back meanwhile would tear what is copied.

    What SQLite puts beside it is gone again afterwards, which needs the right to write there.
    """
    if not os.access(catalog.parent, os.W_OK):
        with open_catalog(catalog) as connection:
            yield connection
        return
    how = "ro" if catalog.with_name(f"{catalog.name}-wal").exists() else "rw"
    with closing(sqlite3.connect(f"{catalog.absolute().as_uri()}?mode={how}", uri=True)) as connection:
        yield connection


def forget_scheduled(catalog: Path) -> None:
    """Forgets, in a copy of a catalog, the files that only wait to be deleted: they are not copied with it."""
    with closing(sqlite3.connect(catalog)) as connection:
        if connection.execute("SELECT count(*) FROM ducklake_files_scheduled_for_deletion").fetchone()[0]:
            connection.execute("DELETE FROM ducklake_files_scheduled_for_deletion")
            connection.commit()


def is_at_home(catalog: Path, data: Path) -> bool:
    """Whether the catalog names this folder of data; one that is missing or cannot be read names none."""
    try:
        with open_catalog(catalog) as connection:
            return data_path_of(connection) == data
    except sqlite3.Error:
        return True


def bring_home(layout: LakeLayout) -> bool:
    """Writes the lake's present place into a catalog that was moved; returns whether it was. The caller holds the lock.

    Raises:
        HomeMoved: Files are not where the catalog would look for them afterwards.
    """
    if not layout.catalog.exists() or is_at_home(layout.catalog, layout.data):
        return False
    with open_catalog(layout.catalog) as connection:
        old = data_path_of(connection)
        files = [file.path for file in read_files(connection)]
    missing = [file for file in files if not moved_path(file, old, layout.data).exists()]
    if missing:
        raise HomeMoved(old=old.parent, new=layout.root, missing=missing[0].name, n_missing=len(missing))
    relocate(layout.catalog, layout.data)
    return True


def relocate(catalog: Path, data: Path) -> None:
    """Rewrites every absolute path of a catalog file in one transaction. The caller holds the lock."""
    new = f"{data}/"
    with closing(sqlite3.connect(catalog, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        old = f"{data_path_of(connection)}/"
        for table in (*_FILE_TABLES, *_FOLDER_TABLES):
            connection.execute(
                f"UPDATE {table} SET path = ? || substr(path, ?) WHERE NOT path_is_relative AND substr(path, 1, ?) = ?",
                (new, len(old) + 1, len(old), old),
            )
        connection.execute("UPDATE ducklake_metadata SET value = ? WHERE key = 'data_path'", (new,))
        connection.execute("COMMIT")


def data_path_of(catalog: sqlite3.Connection) -> Path:
    """Returns the folder of data that a catalog names."""
    row = catalog.execute("SELECT value FROM ducklake_metadata WHERE key = 'data_path'").fetchone()
    return Path(row[0]) if row else Path()


def moved_path(file: Path, old: Path, new: Path) -> Path:
    """Returns the place of a file after the folder `old` has become `new`."""
    return new / file.relative_to(old) if file.is_relative_to(old) else file


def resolve_path(root: Path, *parts: tuple[str | None, int | None]) -> Path:
    """Returns where parts lead that are each relative to those before, or absolute."""
    found = root
    for path, is_relative in parts:
        found = found / (path or "") if is_relative or not path else Path(path)
    return found
