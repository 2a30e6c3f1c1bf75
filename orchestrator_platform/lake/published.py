"""One consistent cut of the published lake, for builders and auditors: a pinned snapshot and its heads."""

import os
import sqlite3
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import duckdb

from ..errors import OrchestratorError, ReadersCopyDamaged
from ..records.keys import AssetKey, Snapshot
from ..records.receipts import Head
from .catalog import guarding_readers, is_at_home
from .history import read_heads
from .layout import LakeLayout
from .readers import attach_statement, connect_reader, latest_snapshot
from .session import load_statements, suit_threads
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


class KeptCut:
    """The newest cut, opened once for each state of the readers' copy and not closed: most of what a small
    publication reads is the catalog itself, and DuckDB keeps that with the connection.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[tuple[object, ...], PublishedCut] | None = None
        self._opened_by = os.getpid()
        self._inherited: list[object] = []

    def published(self, layout: LakeLayout, lock_timeout_seconds: float) -> PublishedCut:
        """Returns what `cut_published` returns, and raises what it raises."""
        return self._current(layout, partial(cut_published, layout, lock_timeout_seconds))

    def for_readers(self, layout: LakeLayout, lock_timeout_seconds: float) -> PublishedCut:
        """Returns what `cut_for_readers` returns, and raises what it raises."""
        return self._current(layout, partial(cut_for_readers, layout, lock_timeout_seconds))

    def _current(self, layout: LakeLayout, cut: Callable[[], PublishedCut]) -> PublishedCut:
        with self._lock:
            if self._opened_by != os.getpid():
                # A copy of this process neither uses nor closes what belongs to the threads of the other.
                self._inherited.append(self._kept)
                self._kept, self._opened_by = None, os.getpid()
            before = published_state(layout)
            if self._kept is not None and self._kept[0] == before and _is_whole(layout):
                return self._kept[1]
            found = cut()
            suit_threads(found.root, max((head.n_rows for head in found.heads.values()), default=0))
            # Where it was replaced meanwhile, it is not known of which state the cut is.
            same = before == published_state(layout)
            self._kept = (before, found) if same and before else None
            return found


def published_state(layout: LakeLayout) -> tuple[object, ...]:
    """Returns which readers' copy it is: each commit puts a new file in its place. Empty where there is none."""
    try:
        found = layout.readers.stat()
    except FileNotFoundError:
        return ()
    return (layout, found.st_ino, found.st_size, found.st_mtime_ns)


def cut_published(layout: LakeLayout, lock_timeout_seconds: float) -> PublishedCut:
    """Returns the newest cut. A lake that is missing, or was left behind by a crash, is made whole first.

    Raises:
        LockTimeout: The lake had to be made whole and another writer held the lock.
        ForeignSnapshot: The lake holds a snapshot that no receipt explains.
        CommitMismatch: What a killed writer committed is not what it says.
    """
    if not _is_whole(layout):
        _make_whole(layout, lock_timeout_seconds)
    return _cut(layout, lock_timeout_seconds)


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
    return _cut(layout, lock_timeout_seconds)


def _is_whole(layout: LakeLayout) -> bool:
    seen = latest_snapshot(layout.readers)
    return seen is not None and seen == latest_snapshot(layout.catalog) and is_at_home(layout.readers, layout.data)


def _make_whole(layout: LakeLayout, lock_timeout_seconds: float) -> None:
    # Opening a writer finishes what a crash left undone.
    with open_writer(layout, lock_timeout_seconds):
        pass


def _cut(layout: LakeLayout, lock_timeout_seconds: float) -> PublishedCut:
    try:
        return _open(layout)
    except ReadersCopyDamaged:
        renew_readers_copy(layout, lock_timeout_seconds)
        return _open(layout)


def renew_readers_copy(layout: LakeLayout, lock_timeout_seconds: float) -> None:
    """Makes a damaged readers' copy anew. That loses nothing: all of it is in the catalog.

    Raises:
        OrchestratorError: As for `cut_published`.
    """
    with open_writer(layout, lock_timeout_seconds) as writer:
        writer.renew_readers_copy()


def _open(layout: LakeLayout) -> PublishedCut:
    snapshot = latest_snapshot(layout.readers)
    if snapshot is None:
        raise ReadersCopyDamaged(copy=layout.readers, problem="it names no snapshot")
    with guarding_readers(layout):
        root = connect_reader(layout, snapshot)
        return PublishedCut(layout, snapshot, read_heads(root), root)
