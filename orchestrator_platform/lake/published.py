"""One consistent cut of the published lake, for builders and auditors: a pinned snapshot and its heads."""

import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import duckdb

from ..errors import OrchestratorError
from ..records.keys import AssetKey, Snapshot
from ..records.receipts import Head
from .catalog import is_at_home
from .history import read_heads
from .layout import LakeLayout
from .readers import attach_statement, connect_reader, latest_snapshot
from .session import load_statements
from .writer import open_writer


@dataclass(frozen=True)
class PublishedCut:
    """What was published at `snapshot`; `heads` are the versions that served then.

    `root` stays open as long as the cut is used: loading the extensions anew for each connection
    would cost more than most of what is read.
    """

    layout: LakeLayout
    snapshot: Snapshot
    heads: Mapping[AssetKey, Head]
    root: duckdb.DuckDBPyConnection = field(repr=False, compare=False)

    def setup(self) -> tuple[str, ...]:
        """Returns the statements that make this cut readable as catalog `lake` on any connection."""
        return (*load_statements(), attach_statement(self.layout, self.snapshot))

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Returns a connection of its own to the cut, attached as `lake`."""
        return self.root.cursor()

    def relations(self) -> dict[AssetKey, str]:
        """Returns for each served asset what can stand after FROM."""
        return {asset: f"lake.{asset.quoted}" for asset in self.heads}


def cut_published(layout: LakeLayout, lock_timeout_seconds: float) -> PublishedCut:
    """Returns the newest cut. A lake that is missing, or was left behind by a crash, is made whole first.

    Raises:
        LockTimeout: The lake had to be made whole and another writer held the lock.
        ForeignSnapshot: The lake holds a snapshot that no receipt explains.
        CommitMismatch: What a killed writer committed is not what it says.
    """
    if not _is_whole(layout):
        _make_whole(layout, lock_timeout_seconds)
    return _cut(layout)


def cut_for_readers(layout: LakeLayout, lock_timeout_seconds: float) -> PublishedCut:
    """Returns the newest cut that readers may see.

    What stops a writer does not stop a reader: it waits for nobody and needs no permission to write.

    Raises:
        LockTimeout: There is no lake yet, and another writer held the lock.
    """
    if latest_snapshot(layout.readers) is None:
        return cut_published(layout, lock_timeout_seconds)
    if not _is_whole(layout):
        with suppress(OrchestratorError, OSError, duckdb.Error, sqlite3.Error):
            _make_whole(layout, 0)
    return _cut(layout)


def _is_whole(layout: LakeLayout) -> bool:
    seen = latest_snapshot(layout.readers)
    return seen is not None and seen == latest_snapshot(layout.catalog) and is_at_home(layout.readers, layout.data)


def _make_whole(layout: LakeLayout, lock_timeout_seconds: float) -> None:
    # Opening a writer finishes what a crash left undone.
    with open_writer(layout, lock_timeout_seconds):
        pass


def _cut(layout: LakeLayout) -> PublishedCut:
    snapshot = latest_snapshot(layout.readers)
    assert snapshot is not None
    root = connect_reader(layout, snapshot)
    return PublishedCut(layout, snapshot, read_heads(root), root)
