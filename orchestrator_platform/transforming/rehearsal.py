"""Builds and tests a dbt project on tables without rows, so that the first real build finds what dbt executes kept.

dbt is imported anyway where a project was just parsed, and costs most where it builds or tests little. It knows the
columns of what the models read, and no data; what it leaves is no more than a cache.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from ..errors import OrchestratorError
from ..records.keys import AssetKey
from ..sql import identifier
from ..storage import storage_failure
from .dbt_project import DbtNode, DbtProject
from .dbt_workbench import BuiltNode, build_dbt_nodes, run_dbt_tests
from .recorded_builds import FILE, keep_builds
from .workbench import WORKBENCH, close_columns_sql, connect_workbench

Columns = Sequence[tuple[str, str]]
# Before any data: a model that is built by batches of time has none.
_NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)


def rehearse_once(
    project: DbtProject,
    columns: Mapping[AssetKey, Columns],
    variables: Mapping[str, Any],
    say: Callable[[str], None] | None = None,
) -> None:
    """Rehearses the project where nothing was kept of it yet.

    Args:
        columns: Name and type of the columns of what the models read and dbt does not build.
    """
    folder = project.manifest.parent
    nodes = _known_nodes(project, columns)
    if not nodes or (folder / FILE).is_file():
        return
    if say is not None:
        say("rehearsing the dbt project, which is new or changed")
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".rehearsal-") as scratch:
            _rehearse(project, nodes, columns, variables, Path(scratch))
    except (OrchestratorError, duckdb.Error) as error:
        # Whatever else goes wrong is said by the build that this is for.
        if storage_failure(error, folder):
            raise
    keep_builds(folder, [])


def _known_nodes(project: DbtProject, columns: Mapping[AssetKey, Columns]) -> list[DbtNode]:
    """The nodes all of whose ancestors have columns that are known, or are built from such."""
    found: dict[AssetKey, DbtNode] = {}
    left = list(project.nodes)
    while ready := [node for node in left if all(parent in columns or parent in found for parent in node.parents)]:
        found |= {node.key: node for node in ready}
        left = [node for node in left if node.key not in found]
    return list(found.values())


def _rehearse(
    project: DbtProject,
    nodes: Sequence[DbtNode],
    columns: Mapping[AssetKey, Columns],
    variables: Mapping[str, Any],
    scratch: Path,
) -> None:
    empty = {key: _without_rows(listed) for key, listed in columns.items()}
    first = _build(project, nodes, scratch / "first", empty, variables)
    whole = empty | {key: _without_rows(listed) for key, listed in first.items()}
    _build(project, nodes, scratch / "again", whole, variables)
    tests = [
        test.unique_id
        for test in project.tests
        if test.unique_id.startswith("test.") and all(asset in whole for asset in test.assets)
    ]
    run_dbt_tests(project, tests, _database(scratch / "tests"), setup=(), relations=whole, variables=variables)


def _build(
    project: DbtProject,
    nodes: Sequence[DbtNode],
    folder: Path,
    published: Mapping[AssetKey, str],
    variables: Mapping[str, Any],
) -> dict[AssetKey, Columns]:
    """Builds the nodes and returns the columns under which each would be published."""
    database = _database(folder)
    built = build_dbt_nodes(
        project,
        [node.unique_id for node in nodes],
        database,
        setup=(),
        published=published,
        variables=variables,
        run_time=_NO_TIME,
    )
    return _published_columns(database, [node for node in built if node.status == "success"])


def _published_columns(database: Path, built: Sequence[BuiltNode]) -> dict[AssetKey, Columns]:
    found: dict[AssetKey, Columns] = {}
    with connect_workbench(database) as connection:
        for node in built:
            described = connection.execute(f"DESCRIBE FROM {node.relation}").fetchall()
            listed = close_columns_sql(node.key, described)
            rows = connection.execute(f"DESCRIBE SELECT {listed} FROM {node.relation}").fetchall()
            found[node.key] = [(row[0], row[1]) for row in rows]
    return found


def _database(folder: Path) -> Path:
    return folder / f"{WORKBENCH}.duckdb"


def _without_rows(columns: Columns) -> str:
    listed = ", ".join(f"NULL::{type_} AS {identifier(name)}" for name, type_ in columns)
    return f"(SELECT {listed} LIMIT 0)"
