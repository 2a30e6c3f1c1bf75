"""Builds tables in the workbench: dbt models in one call, Python tables and tables of features one by one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from ..errors import OrchestratorError
from ..lake.content import measure_content
from ..lake.history import read_ledger
from ..learning.monitoring.measuring import Watching
from ..records.candidates import ParentRead
from ..records.declarations import AssetDeclaration, DbtBuild, FeaturesBuild, PythonBuild
from ..records.keys import AssetKey
from ..records.landed_files import LANDED_FILE_COLUMNS as COLUMNS
from ..sql import identifier, read_columns
from ..transforming.dbt_project import DbtProject
from ..transforming.dbt_workbench import BuiltNode, build_dbt_nodes
from ..transforming.features import build_features
from ..transforming.frames import take_back
from ..transforming.python_table import load_python_tables, run_python_table
from .outcomes import Counts
from .watch import watch_model
from .workbench import Workbench


@dataclass(frozen=True)
class Built:
    """What one build left in the workbench; `error` instead where it broke, `counts` of an embedding or a model.

    `inputs` stands for what it was made from, where that is known only afterwards.
    """

    asset: AssetKey
    relation: str = ""
    part: str | None = None
    gone: str | None = None
    key: tuple[str, ...] = ()
    error: str = ""
    counts: Counts | None = None
    inputs: str = ""


def build_stages(declarations: Sequence[AssetDeclaration]) -> tuple[tuple[AssetDeclaration, ...], ...]:
    """Returns the declarations, parents first, cut into runs that one builder makes in one go."""
    stages: list[list[AssetDeclaration]] = []
    for declaration in declarations:
        together = stages and _is_whole_model(declaration) and _is_whole_model(stages[-1][-1])
        if together:
            stages[-1].append(declaration)
        else:
            stages.append([declaration])
    return tuple(tuple(stage) for stage in stages)


def _is_whole_model(declaration: AssetDeclaration) -> bool:
    """A table in slices is shown other rows of its parents than its neighbours are."""
    return isinstance(declaration.build, DbtBuild) and declaration.partition is None


def build_dbt_stage(
    workbench: Workbench,
    stage: Sequence[AssetDeclaration],
    relations: Mapping[AssetKey, str],
    project: DbtProject,
    variables: Mapping[str, Any],
    *,
    full_refresh: bool,
    now: datetime,
    on_event: Callable[[str], None] | None,
) -> tuple[Built, ...]:
    """Returns what dbt built of exactly these models, in a scratch database of its own.

    `relations` are all assets that the models may read: published ones, and candidates of earlier stages.
    """
    ids = {declaration.build.unique_id: declaration for declaration in stage if isinstance(declaration.build, DbtBuild)}
    nodes = build_dbt_nodes(
        project,
        list(ids),
        workbench.database(stage[0].key),
        setup=workbench.cut.setup(),
        published=relations,
        variables=variables,
        full_refresh=full_refresh,
        run_time=now,
        on_event=on_event,
    )
    found = {node.unique_id: node for node in nodes}
    return tuple(_built(declaration, found.get(unique_id)) for unique_id, declaration in ids.items())


def _built(declaration: AssetDeclaration, node: BuiltNode | None) -> Built:
    if node is None:
        return Built(declaration.key, error="dbt gave no result for it")
    if node.status != "success":
        return Built(declaration.key, error=node.message or node.status)
    key = node.key_columns or declaration.contract.grain or ()
    append = node.form == "append"
    return Built(
        declaration.key,
        relation=node.relation,
        part=node.part,
        gone=None if append else node.gone,
        key=() if append else tuple(key),
    )


def build_python_stage(
    connection: duckdb.DuckDBPyConnection, declaration: AssetDeclaration, relations: Mapping[AssetKey, str]
) -> Built:
    """Returns what the function gave; `connection` keeps the relation alive until it is closed."""
    build = declaration.build
    assert isinstance(build, PythonBuild)
    try:
        tables = {str(table.key): table for table in load_python_tables(build.file)}
        relation = run_python_table(tables[declaration.key], connection, relations)
    except OrchestratorError as error:
        return Built(declaration.key, error=str(error))
    return Built(declaration.key, relation=relation, key=tuple(declaration.contract.grain or ()))


def build_ledger_stage(connection: duckdb.DuckDBPyConnection, declaration: AssetDeclaration) -> Built:
    """Returns the published ledger as a table: a line for each landed file, as it stands."""
    import pyarrow

    lines = [line.model_dump(mode="json") for line in read_ledger(connection)]
    connection.register("_lines", pyarrow.table({name: [line[name] for line in lines] for name, _, _ in COLUMNS}))
    listed = ", ".join(f"CAST({identifier(name)} AS {type_}) AS {identifier(name)}" for name, type_, _ in COLUMNS)
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(declaration.key.schema)}")
    connection.execute(f"CREATE OR REPLACE TABLE {declaration.key.quoted} AS SELECT {listed} FROM _lines")
    connection.unregister("_lines")
    return Built(declaration.key, relation=declaration.key.quoted)


@dataclass(frozen=True)
class Frame:
    """What a function of somebody else returned, and the published versions that it was made from."""

    returned: Any
    parents: tuple[ParentRead, ...] = ()


def build_frame_stage(connection: duckdb.DuckDBPyConnection, declaration: AssetDeclaration, frame: Any) -> Built:
    """Returns what a function gave, with its content as its inputs: nothing else is known of them."""
    try:
        relation = take_back(connection, declaration.key, frame)
        columns = read_columns(connection, relation)
        inputs = str(measure_content(connection, relation, columns))
    except (TypeError, duckdb.Error, OrchestratorError) as error:
        return Built(declaration.key, error=str(error))
    return Built(declaration.key, relation=relation, key=tuple(declaration.contract.grain or ()), inputs=inputs)


def build_features_stage(
    connection: duckdb.DuckDBPyConnection, declaration: AssetDeclaration, relations: Mapping[AssetKey, str]
) -> Built:
    """Returns the features of every key of the log; only what they are declared to be made of is shown to their SQL."""
    build = declaration.build
    assert isinstance(build, FeaturesBuild)
    try:
        shown = {parent: relations[parent] for parent in declaration.parents}
        relation = build_features(connection, declaration.key, build, shown)
    except OrchestratorError as error:
        return Built(declaration.key, error=str(error))
    return Built(declaration.key, relation=relation, key=tuple(declaration.contract.grain or ()))


def build_monitor_stage(watching: Watching, declaration: AssetDeclaration) -> Built:
    """Returns what was measured of a model; the connection keeps it until it is closed."""
    try:
        relation = watch_model(watching)
    except OrchestratorError as error:
        return Built(declaration.key, error=str(error))
    except (duckdb.ProgrammingError, duckdb.DataError) as error:
        first = str(error).strip().splitlines()[0]
        return Built(declaration.key, error=f"the model and its examples cannot be read as declared: {first}")
    return Built(declaration.key, relation=relation, key=tuple(declaration.contract.grain or ()))
