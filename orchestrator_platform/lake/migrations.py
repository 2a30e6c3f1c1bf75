"""Brings a home of an older format up to this one, when the next writer opens it.

A migration is one function in one transaction and one snapshot, and does nothing where it was done before. The
catalog is copied aside first: files of data are never changed, so that the copy is the whole way back.
"""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from ..home_format import HOME_FORMAT, read_home_format, write_home_format
from ..records.events import Event
from ..records.keys import AgentName, Snapshot
from ..settings import Home
from .layout import LakeLayout
from .platform_tables import TABLES, create_platform_tables, insert_outbox, platform_tables

PLATFORM = AgentName("platform")


@dataclass(frozen=True)
class Migration:
    """One step to a newer format: what tells that a lake lacks it, and what does it."""

    is_needed: Callable[[duckdb.DuckDBPyConnection], bool]
    migrate: Callable[[duckdb.DuckDBPyConnection], None]


def _lacks_tables(connection: duckdb.DuckDBPyConnection) -> bool:
    return not set(TABLES) <= platform_tables(connection)


# 2: versions can be taken back and snapshots named, and receipts hold the hashes of their files.
MIGRATIONS: Mapping[int, Migration] = {2: Migration(_lacks_tables, create_platform_tables)}


def bring_up(connection: duckdb.DuckDBPyConnection, layout: LakeLayout, last: Snapshot) -> Snapshot:
    """Runs what is missing and returns the last snapshot afterwards. The caller holds the writer's lock.

    What the lake lacks decides; the home's marker only keeps older versions of the platform out.
    """
    home = Home(layout.root.parent)
    marked = read_home_format(home)
    needed = [number for number, migration in sorted(MIGRATIONS.items()) if migration.is_needed(connection)]
    if needed:
        _copy_aside(home, layout, needed[0] - 1)
    for number in needed:
        last = _migrate(connection, number, last)
    if marked is not None and marked < HOME_FORMAT:
        write_home_format(home)
    return last


def _migrate(connection: duckdb.DuckDBPyConnection, number: int, last: Snapshot) -> Snapshot:
    snapshot = Snapshot(last + 1)
    event = Event(
        id=f"platform-{snapshot}",
        at=datetime.now(UTC),
        agent=PLATFORM,
        act="migrate",
        subject=f"format {number}",
        outcome="migrated",
        reason="the home was made by an earlier version of the platform",
    )
    connection.execute("BEGIN")
    MIGRATIONS[number].migrate(connection)
    insert_outbox(connection, snapshot, [event])
    connection.execute("CALL lake.set_commit_message(?, ?)", [PLATFORM, f"migrate to format {number}"])
    connection.execute("COMMIT")
    return snapshot


def _copy_aside(home: Home, layout: LakeLayout, found: int) -> None:
    """Keeps catalog and marker of the older format; a copy that a crash cut short is made anew."""
    folder = home.backups / f"format-{found}"
    target = folder / layout.catalog.name
    if target.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{layout.catalog.name}.partial"
    partial.unlink(missing_ok=True)
    with closing(sqlite3.connect(layout.catalog)) as catalog:
        catalog.execute("VACUUM INTO ?", (str(partial),))
    if home.marker.exists():
        (folder / home.marker.name).write_bytes(home.marker.read_bytes())
    partial.replace(target)
