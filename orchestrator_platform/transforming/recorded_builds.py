"""What dbt executed to build a model, kept so that it is built again in the same situation without dbt's own second.

A situation is all that dbt's statements can depend on beside the project: whether there is a base, whether it is to be
refreshed, and the columns of the base and of every parent. A model is kept only where no code of the project behind
it sees anything else. What is replayed is exactly what dbt executed; data are read anew each time.
"""

import json
import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb

from ..records.base import sha256_of
from ..sql import identifier
from ..storage import storage_failure
from .dbt_project import DbtNode
from .statements_kept import is_steady
from .workbench import BASE, beside

FILE = "builds.json"
# A base and none, refreshed and not, with a few columns added meanwhile.
_KEPT_SITUATIONS = 8
_MATERIALIZED = frozenset({"table", "view", "incremental"})
_LOOKS = re.compile(r"(select|describe|show)\b", re.IGNORECASE)
_CHANGES = re.compile(r"(create|insert|update|delete|merge|drop|alter|comment)\b", re.IGNORECASE)
_COMMENT = re.compile(r"\s*(/\*.*?\*/\s*|--[^\n]*\n\s*)*", re.DOTALL)


@dataclass(frozen=True)
class RecordedBuild:
    """`statements` in their order, and the columns, name and type, that they left."""

    unique_id: str
    situation: str
    statements: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]


class Situations:
    """What each node is built on, in one workbench: every relation is described once, after it was built."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, published: AbstractSet[str], *, full_refresh: bool
    ) -> None:
        self._connection, self._published, self._full_refresh = connection, published, full_refresh
        self._described: dict[str, tuple[tuple[str, str], ...] | None] = {}

    def of(self, node: DbtNode) -> str:
        """Returns the situation of a node whose parents are all there."""
        base = self.columns(beside(BASE, node.key)) if node.key in self._published else None
        parents = [[parent, self.columns(parent.quoted)] for parent in node.parents]
        return sha256_of([node.code_version, self._full_refresh, base, parents])

    def columns(self, relation: str) -> tuple[tuple[str, str], ...] | None:
        """Returns the names and types of a relation's columns, `None` where there is no such relation."""
        if relation not in self._described:
            self._described[relation] = describe_columns(self._connection, relation)
        return self._described[relation]


def describe_columns(connection: duckdb.DuckDBPyConnection, relation: str) -> tuple[tuple[str, str], ...] | None:
    """Returns the names and types of a relation's columns, `None` where there is no such relation."""
    try:
        rows = connection.execute(f"DESCRIBE FROM {relation}").fetchall()
    except duckdb.CatalogException:
        return None
    return tuple((str(row[0]), str(row[1])) for row in rows)


def load_recorded_builds(folder: Path) -> dict[tuple[str, str], RecordedBuild]:
    """Returns by node and situation what was kept beside the parsed project; nothing where it is damaged."""
    try:
        stored = json.loads((folder / FILE).read_text(encoding="utf-8"))
        builds = [_read(item) for item in stored]
    except (OSError, ValueError, TypeError, KeyError):
        return {}
    return {(build.unique_id, build.situation): build for build in builds}


def _read(item: Mapping[str, Any]) -> RecordedBuild:
    columns = tuple((str(name), str(type_)) for name, type_ in item["columns"])
    return RecordedBuild(item["unique_id"], item["situation"], tuple(map(str, item["statements"])), columns)


def replay_builds(
    connection: duckdb.DuckDBPyConnection,
    nodes: Sequence[DbtNode],
    known: Mapping[tuple[str, str], RecordedBuild],
    situations: Situations,
) -> dict[str, float]:
    """Builds the nodes that were recorded in their situation, and returns the seconds of each; the others are dbt's.

    A node that is not recorded, or that breaks, leaves everything made of it to dbt as well, and nothing of its own.
    """
    rebuilt: dict[str, float] = {}
    by_key = {node.key: node for node in nodes}
    for schema in sorted({node.key.schema for node in nodes}) if known else ():
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(schema)}")
    for key in TopologicalSorter({node.key: set(node.parents) & by_key.keys() for node in nodes}).static_order():
        node = by_key[key]
        if all(by_key[parent].unique_id in rebuilt for parent in node.parents if parent in by_key):
            started = time.perf_counter()
            build = known.get((node.unique_id, situations.of(node)))
            if build is not None and _replay(connection, node, build):
                rebuilt[node.unique_id] = time.perf_counter() - started
    return rebuilt


def _replay(connection: duckdb.DuckDBPyConnection, node: DbtNode, build: RecordedBuild) -> bool:
    """Whether the node is there now, with the columns that dbt gave it; else the workbench is as it was."""
    connection.execute("BEGIN")
    try:
        for statement in build.statements:
            connection.execute(statement)
        same = describe_columns(connection, node.key.quoted) == build.columns
        connection.execute("COMMIT" if same else "ROLLBACK")
    except duckdb.Error as error:
        _rollback(connection)
        if storage_failure(error, Path()):
            raise
        # dbt tells what is wrong with it, in its own words.
        return False
    return same


def _rollback(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.execute("ROLLBACK")
    except duckdb.Error:
        # COMMIT itself failed: DuckDB has already ended the transaction.
        return


def steady_statements(
    entry: Any, code: Iterable[str], statements: Sequence[str], run_time: datetime | None
) -> tuple[str, ...] | None:
    """Returns what of dbt's statements for a model changes the workbench, `None` where it may differ the next time.

    Args:
        entry: dbt's node.
        code: The project's texts behind it.
    """
    config = entry.config
    plain = (
        str(entry.resource_type) == "model"
        and str(entry.language) == "sql"
        and str(config.materialized) in _MATERIALIZED
        and config.get("incremental_strategy") != "microbatch"
        and not config.pre_hook
        and not config.post_hook
    )
    bare = [(sql, _COMMENT.sub("", sql, count=1)) for sql in statements]
    known = all(_LOOKS.match(text) or _CHANGES.match(text) for _, text in bare)
    if not plain or not known or not is_steady(code) or _tells_time(statements, run_time):
        return None
    return tuple(sql for sql, text in bare if _CHANGES.match(text))


def _tells_time(statements: Sequence[str], run_time: datetime | None) -> bool:
    return run_time is not None and any(f"{run_time.astimezone(UTC):%Y-%m-%d %H:%M}" in sql for sql in statements)


def keep_builds(folder: Path, builds: Iterable[RecordedBuild]) -> None:
    """Adds builds to those kept beside the parsed project; of each node the newest situations stay."""
    found = {(build.unique_id, build.situation): build for build in builds}
    known = {key: build for key, build in load_recorded_builds(folder).items() if key not in found}
    per_node: dict[str, list[RecordedBuild]] = {}
    for build in (*known.values(), *found.values()):
        per_node.setdefault(build.unique_id, []).append(build)
    kept = [asdict(build) for node in per_node.values() for build in node[-_KEPT_SITUATIONS:]]
    partial = folder / f".{FILE}.{os.getpid()}"
    partial.write_text(json.dumps(kept), encoding="utf-8")
    partial.replace(folder / FILE)
