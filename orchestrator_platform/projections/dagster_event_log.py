"""Dagster's event log in SQLite, with connections that stay open.

Dagster stores an event for every check that is planned, made and passed on, and its own storage opens and closes a
database for each, which waits for the disk every time. Named in the `dagster.yaml` of a home.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

_MOST_OPEN = 16


@dataclass(frozen=True)
class _Kept:
    """An open connection, and the file that it was opened to."""

    connection: Connection
    file: tuple[int, int]


class KeptEventLogStorage(SqliteEventLogStorage):
    """Writes what Dagster's own storage writes, to the same files.

    A crash of the process loses nothing. After a power cut the last events may be missing, never torn: what was
    published is kept by the lake, and reported to Dagster again.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._kept_by = os.getpid()
        self._tables: set[str] = set()
        self._one_at_a_time = threading.RLock()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "KeptEventLogStorage":
        return cls(inst_data=inst_data, **config_value)

    def run_connection(self, run_id: str | None = None) -> AbstractContextManager[Connection]:
        return self._connection(run_id or "")

    def index_connection(self) -> AbstractContextManager[Connection]:
        return self._connection(INDEX_SHARD_NAME)

    def store_event(self, event: EventLogEntry) -> None:
        super().store_event(event)
        # Whoever watches a run waits for a change of its file; the write-ahead log is another one.
        os.utime(self.path_for_shard(event.run_id))

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        # One transaction for all; where it fails nothing is stored, and Dagster stores them one by one.
        runs = {event.run_id for event in events}
        with self._one_at_a_time, ExitStack() as transactions:
            for shard in (*sorted(runs), INDEX_SHARD_NAME):
                transactions.enter_context(self._connection(shard))
            for event in events:
                super().store_event(event)
        for run_id in runs:
            os.utime(self.path_for_shard(run_id))

    def has_table(self, table_name: str) -> bool:
        # Asked before every check is stored, also while a connection is in use; no table is ever dropped.
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def dispose(self) -> None:
        with self._one_at_a_time:
            while self._kept:
                self._close(next(iter(self._kept)))
        super().dispose()

    @contextmanager
    def _connection(self, shard: str) -> Iterator[Connection]:
        with self._one_at_a_time:
            kept = self._find(shard) or self._open(shard)
            if kept.connection.in_transaction():
                yield kept.connection  # of a batch, which ends it
                return
            with kept.connection.begin():
                yield kept.connection

    def _find(self, shard: str) -> _Kept | None:
        if self._kept_by != os.getpid():
            # SQLite's connections belong to the process that opened them, which still uses them.
            self._kept, self._kept_by = OrderedDict(), os.getpid()
        kept = self._kept.get(shard)
        if kept is not None and self._file(shard) != kept.file:
            self._close(shard)
            return None
        if kept is not None:
            self._kept.move_to_end(shard)
        return kept

    def _open(self, shard: str) -> _Kept:
        # Makes the database, where there is none yet.
        with super().run_connection(shard):
            pass
        engine = create_engine(
            self.conn_string_for_shard(shard),
            poolclass=NullPool,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        connection = engine.connect()
        # With a write-ahead log the database is whole in any case; only checkpoints wait for the disk.
        connection.exec_driver_sql("PRAGMA synchronous=NORMAL")
        connection.commit()
        while len(self._kept) >= _MOST_OPEN:
            self._close(next(iter(self._kept)))
        self._kept[shard] = kept = _Kept(connection, self._file(shard) or (0, 0))
        return kept

    def _close(self, shard: str) -> None:
        connection = self._kept.pop(shard).connection
        connection.close()
        connection.engine.dispose()

    def _file(self, shard: str) -> tuple[int, int] | None:
        """Tells a file from one made anew under its name."""
        try:
            found = Path(self.path_for_shard(shard)).stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino
