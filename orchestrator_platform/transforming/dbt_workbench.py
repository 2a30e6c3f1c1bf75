"""Builds dbt nodes, and runs dbt tests, in a workbench over published tables that are only read.

It knows nothing of how tables are published, and returns what was built as SQL over the workbench.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import duckdb

from ..errors import DbtFailed, Misuse
from ..records.keys import AssetKey
from .dbt_delta import BuiltRelation, read_built
from .dbt_invocation import DbtCall, invoke_dbt
from .dbt_manifest import project_code
from .dbt_project import DbtNode, DbtProject
from .recorded_builds import (
    RecordedBuild,
    Situations,
    keep_builds,
    load_recorded_builds,
    replay_builds,
    steady_statements,
)
from .recorded_tests import DbtTestResult, load_recorded_tests, record_tests, run_recorded_tests, sample_rows
from .statements_kept import StatementRecorder
from .workbench import PART, connect_workbench, exists, show_published

_CHOSEN = "orchestrator_chosen"
_GOOD = {"success", "pass"}


@dataclass(frozen=True)
class BuiltNode:
    """What became of one node.

    `relation` is what can stand after FROM, in a connection to the workbench with the same setup, for the
    whole next version; `part` are the rows to insert and `gone` the keys to delete, with `key_columns` as
    columns. They hold only where `status` is `success`.
    """

    unique_id: str
    key: AssetKey
    form: Literal["whole", "delta", "append"]
    relation: str
    part: str | None
    gone: str | None
    key_columns: tuple[str, ...]
    status: Literal["success", "error", "skipped"]
    message: str
    seconds: float


def build_dbt_nodes(
    project: DbtProject,
    selected: Sequence[str],
    workbench: Path,
    *,
    setup: Sequence[str],
    published: Mapping[AssetKey, str],
    variables: Mapping[str, Any],
    full_refresh: bool = False,
    run_time: datetime,
    on_event: Callable[[str], None] | None = None,
) -> tuple[BuiltNode, ...]:
    """Builds exactly the selected nodes, in the order of their dependencies, and returns one result for each.

    `published` says what each published table is called in the catalogs that `setup` attaches; a selected
    node that is among them is built on it. A node that fails does not stop those that do not need it.
    Every node is built at most once in one workbench.

    Raises:
        DbtFailed: dbt had no results, or a hook of the project failed.
        Misuse: A selected node does not exist.
    """
    nodes = _selected(project, selected)
    if not nodes:
        return ()
    with connect_workbench(workbench, setup) as connection:
        show_published(connection, published, based_on={node.key for node in nodes})
        situations = Situations(connection, published.keys(), full_refresh=full_refresh)
        replayed = replay_builds(connection, nodes, load_recorded_builds(project.manifest.parent), situations)
    rest = [node for node in nodes if node.unique_id not in replayed]
    call = DbtCall(project.root, workbench, setup, variables, run_time, frozenset(published), on_event)
    results = _build_and_record(project, call, rest, full_refresh=full_refresh)
    with connect_workbench(workbench, setup) as connection:
        built = [
            _built(connection, node, _replayed(replayed, node) or _told(node, results.get(node.unique_id)))
            for node in nodes
        ]
        return tuple(
            _require_part(connection, project, node, done, published, full_refresh=full_refresh)
            for node, done in zip(nodes, built, strict=True)
        )


def _replayed(seconds: Mapping[str, float], node: DbtNode) -> "_Told | None":
    return _Told("success", seconds=seconds[node.unique_id]) if node.unique_id in seconds else None


def _build_and_record(
    project: DbtProject, call: DbtCall, nodes: Sequence[DbtNode], *, full_refresh: bool
) -> dict[str, Any]:
    """What dbt executed for a model is kept, so that the next time needs no dbt."""
    if not nodes:
        return {}
    recorder = StatementRecorder()
    manifest = _load_manifest(project.manifest)
    command = ["build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
    command += ["--full-refresh"] if full_refresh else []
    chosen = [node.unique_id for node in nodes]
    results = _run(replace(call, recorder=recorder), command, chosen, manifest)
    if not _has_hooks(manifest):
        with connect_workbench(call.workbench, call.setup) as connection:
            situations = Situations(connection, call.published, full_refresh=full_refresh)
            good = [n for n in nodes if _outcome(results.get(n.unique_id))[0] == "success"]
            steady = [(node, _kept(manifest, call, recorder, results[node.unique_id].node)) for node in good]
            keep_builds(
                project.manifest.parent,
                [
                    RecordedBuild(
                        node.unique_id, situations.of(node), statements, situations.columns(node.key.quoted) or ()
                    )
                    for node, statements in steady
                    if statements is not None
                ],
            )
    return results


def _kept(manifest: Any, call: DbtCall, recorder: StatementRecorder, entry: Any) -> tuple[str, ...] | None:
    unique_id = str(entry.unique_id)
    code = project_code(manifest, unique_id)
    return steady_statements(entry, code, recorder.statements.get(unique_id, ()), call.run_time)


def _has_hooks(manifest: Any) -> bool:
    """What a hook sets up would be missing where dbt does not run."""
    return any(str(node.resource_type) == "operation" for node in manifest.nodes.values())


def run_dbt_tests(
    project: DbtProject,
    tests: Sequence[str],
    workbench: Path,
    *,
    setup: Sequence[str],
    relations: Mapping[AssetKey, str],
    variables: Mapping[str, Any],
    on_event: Callable[[str], None] | None = None,
) -> tuple[DbtTestResult, ...]:
    """Runs exactly these tests on the relations given and returns one result for each, in the order asked for.

    `workbench` is a fresh scratch file; `relations` says, for every table the tests read, what stands after FROM.

    Raises:
        DbtFailed: dbt had no results, or a hook of the project failed.
    """
    if not tests:
        return ()
    known = load_recorded_tests(project.manifest.parent)
    with connect_workbench(workbench, setup) as connection:
        show_published(connection, relations)
    call = DbtCall(project.root, workbench, setup, variables, on_event=on_event)
    results = _run_and_record(project, call, [test for test in tests if test not in known])
    with connect_workbench(workbench, setup) as connection:
        judged = run_recorded_tests(connection, [known[test] for test in tests if test in known])
        return tuple(judged.get(test) or _tested(connection, test, results.get(test)) for test in tests)


def _run_and_record(project: DbtProject, call: DbtCall, tests: Sequence[str]) -> dict[str, Any]:
    """What dbt ran for a test is kept, so that the next time needs no dbt."""
    if not tests:
        return {}
    recorder = StatementRecorder()
    manifest = _load_manifest(project.manifest)
    results = _run(replace(call, recorder=recorder), ["test", "--indirect-selection", "empty"], tests, manifest)
    if not _has_hooks(manifest):
        ran = {test: result.node for test, result in results.items() if str(result.status) in {"pass", "warn", "fail"}}
        nodes = [(node, project_code(manifest, test)) for test, node in ran.items()]
        record_tests(project.manifest.parent, nodes, recorder)
    return results


def _selected(project: DbtProject, selected: Sequence[str]) -> list[DbtNode]:
    known = {node.unique_id: node for node in project.nodes}
    missing = sorted(set(selected) - set(known))
    if missing:
        raise Misuse(f"{project.root} has no dbt node {', '.join(missing)}. Nothing was built.")
    return [known[unique_id] for unique_id in dict.fromkeys(selected)]


def _run(call: DbtCall, command: Sequence[str], chosen: Sequence[str], manifest: Any) -> dict[str, Any]:
    """Selects by a tag that only the chosen ones have: names can hold what dbt's selection takes for an operator."""
    for unique_id in chosen:
        entry = manifest.nodes.get(unique_id) or manifest.unit_tests.get(unique_id)
        if entry is not None:
            _tag(entry)
    outcome = invoke_dbt(call, [*command, "--select", f"tag:{_CHOSEN}"], manifest)
    results = {str(result.node.unique_id): result for result in outcome.results}
    hooks = {name: r.message or "" for name, r in results.items() if name.startswith("operation.")}
    failed = {name: message for name, message in hooks.items() if str(results[name].status) not in _GOOD}
    if failed:
        raise DbtFailed(project=call.root, problem="a hook of the project failed", nodes=failed)
    return results


def _load_manifest(file: Path) -> Any:
    """Read anew for each call, because dbt writes compiled code into it."""
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumuro_decoder

    return Manifest.from_msgpack(file.read_bytes(), decoder=extended_mashumuro_decoder)


def _tag(entry: Any) -> None:
    """A unit test keeps its tags in its configuration only, a data test and a model beside it."""
    if str(entry.resource_type) == "unit_test":
        entry.config.tags = [*(entry.config.tags or ()), _CHOSEN]
    else:
        entry.tags = [*entry.tags, _CHOSEN]


@dataclass(frozen=True)
class _Told:
    """What was told of the build of one node."""

    status: Literal["success", "error", "skipped"]
    message: str = ""
    seconds: float = 0.0


def _told(node: DbtNode, result: Any) -> _Told:
    status, message = _outcome(result)
    seconds = float(result.execution_time) if result is not None else 0.0
    return _Told(status, f"{node.path}: {message}" if status == "error" else message, seconds)


def _built(connection: duckdb.DuckDBPyConnection, node: DbtNode, told: _Told) -> BuiltNode:
    good = told.status == "success"
    relation = read_built(connection, node.key) if good else BuiltRelation("whole", node.key.quoted)
    return BuiltNode(
        unique_id=node.unique_id,
        key=node.key,
        form=relation.form,
        relation=relation.relation,
        part=relation.part,
        gone=relation.gone,
        key_columns=relation.key_columns,
        status=told.status,
        message=told.message,
        seconds=told.seconds,
    )


def _outcome(result: Any) -> tuple[Literal["success", "error", "skipped"], str]:
    if result is None:
        return "skipped", "dbt did not run it"
    if str(result.status) in _GOOD:
        return "success", str(result.message or "")
    if str(result.status) == "skipped":
        return "skipped", str(result.message or "something above it failed")
    return "error", str(result.message or result.status).strip()


def _require_part(
    connection: duckdb.DuckDBPyConnection,
    project: DbtProject,
    node: DbtNode,
    built: BuiltNode,
    published: Mapping[AssetKey, str],
    *,
    full_refresh: bool,
) -> BuiltNode:
    """A build on a base that left no part did not use the workbench's macros: it may be the bare new rows."""
    refreshed = bool(node.raw.get("config", {}).get("full_refresh")) or (
        full_refresh and node.raw.get("config", {}).get("full_refresh") is None
    )
    on_base = node.key in published and (
        node.materialized == "snapshot" or (node.materialized == "incremental" and not refreshed)
    )
    if built.status != "success" or not on_base or exists(connection, PART, node.key):
        return built
    message = (
        f"{project.root / node.path}: {node.key} has a served version, but was not built on it, because a macro"
        " of the project or of a package stands in for the workbench's. Remove that macro."
    )
    return replace(built, status="error", message=message)


def _tested(connection: duckdb.DuckDBPyConnection, test: str, result: Any) -> DbtTestResult:
    if result is None:
        return DbtTestResult(test, "skipped", 0, "dbt gave no result for this test", "", ())
    status = str(result.status)
    known: Any = status if status in {"pass", "warn", "fail", "skipped"} else "error"
    sql = str(getattr(result.node, "compiled_code", None) or "")
    message = str(result.message or "")
    n_failing = int(result.failures or 0)
    sample = sample_rows(connection, sql) if known in {"warn", "fail"} and test.startswith("test.") else ()
    return DbtTestResult(test, known, n_failing, message, sql, sample)
