"""Runs dbt inside this process, under guard: with the workbench's macros, the statement check and the run's clock.

It owns everything that touches dbt's insides, and undoes it after each call. It knows no node and no project values.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import DbtFailed, StatementRefused
from .changed_relations import RelationOwners
from .statement_check import StatementCheck
from .statements_kept import StatementRecorder
from .workbench import CONFIGURATION, WORKBENCH

MACROS = Path(__file__).parent / "dbt_macros"
PROFILE = "orchestrator_workbench"

# dbt keeps its adapter, its flags and its connections in globals of the process: two calls at once would share them.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class DbtCall:
    """One call of dbt: which project, on which scratch file, prepared how.

    `published` are the keys (`schema.name`) that have a served version in the workbench.
    """

    root: Path
    workbench: Path
    setup: Sequence[str] = ()
    variables: Mapping[str, Any] | None = None
    run_time: datetime | None = None
    published: frozenset[str] = frozenset()
    on_event: Callable[[str], None] | None = None
    recorder: StatementRecorder | None = None


def invoke_dbt(call: DbtCall, command: Sequence[str], manifest: Any = None) -> Any:
    """Returns dbt's own result object for the command; without a `manifest` it parses, and runs no SQL.

    Raises:
        DbtFailed: dbt stopped before it had a result, for example because a file cannot be parsed.
    """
    from dbt.cli.main import dbtRunner

    target = call.workbench.parent / "dbt"
    with _ONE_AT_A_TIME, _profile(call, target), _flags_only_given(command[0]), _guard(call, manifest):
        runner = dbtRunner(manifest=manifest, callbacks=[_announce(call.on_event)] if call.on_event else [])
        outcome = runner.invoke([*command, *_flags(call, target)])
    if outcome.exception is not None:
        raise DbtFailed(project=call.root, problem=_problem(outcome.exception)) from outcome.exception
    return outcome.result


def _problem(error: Exception) -> str:
    """Some of dbt's errors keep their file to themselves."""
    text, file = str(error).strip(), getattr(getattr(error, "node", None), "original_file_path", None)
    return text if file is None or str(file) in text else f"{file}: {text}"


def _flags(call: DbtCall, target: Path) -> list[str]:
    variables = dict(call.variables or {})
    if call.run_time is not None:
        variables["orchestrator_run_time"] = call.run_time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return [
        *("--project-dir", str(call.root), "--profiles-dir", str(target), "--profile", PROFILE, "--target", WORKBENCH),
        *("--target-path", str(target), "--log-path", str(target), "--vars", json.dumps(variables)),
        *("--quiet", "--log-level", "none", "--log-level-file", "none", "--no-use-colors"),
        *("--no-send-anonymous-usage-stats", "--no-version-check", "--no-write-json", "--threads", "1"),
    ]


@contextmanager
def _flags_only_given(command: str) -> Iterator[None]:
    """dbt takes each flag that is not given from the environment, and can record and replay what a database answered.

    `DBT_EMPTY=1` would empty every table. The environment itself stays: other threads read it, and `env_var()`.
    """
    from dbt.cli import requires
    from dbt.cli.main import cli

    with ExitStack() as stack:
        for parameter in (*cli.params, *cli.commands[command].params):
            stack.enter_context(_replaced(parameter, "envvar", None))
        stack.enter_context(_replaced(requires, "setup_record_replay", lambda: None))
        # Else `env_var()` would find some of dbt's variables under two names, of which one is no variable.
        stack.enter_context(_replaced(requires, "_cross_propagate_engine_env_vars", lambda _: None))
        yield


@contextmanager
def _profile(call: DbtCall, folder: Path) -> Iterator[None]:
    """The profile holds the setup statements and so, perhaps, a password: it is private and gone after the call."""
    folder.mkdir(parents=True, exist_ok=True)
    plugin = {
        "module": "orchestrator_platform.transforming.workbench_plugin",
        "config": {"setup": json.dumps(list(call.setup)).encode().hex()},
    }
    output = {
        "type": "duckdb",
        "path": str(call.workbench),
        "schema": "main",
        "threads": 1,
        "plugins": [plugin],
        "config_options": dict(CONFIGURATION),
    }
    file = folder / "profiles.yml"
    file.touch(mode=0o600)
    file.write_text(json.dumps({PROFILE: {"target": WORKBENCH, "outputs": {WORKBENCH: output}}}), encoding="utf-8")
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _announce(on_event: Callable[[str], None]) -> Callable[[Any], None]:
    def announce(event: Any) -> None:
        if event.info.level in {"info", "warn", "error"} and event.info.msg:
            on_event(event.info.msg)

    return announce


@contextmanager
def _guard(call: DbtCall, manifest: Any) -> Iterator[None]:
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    with ExitStack() as stack:
        stack.callback(_close_scratch, DuckDBConnectionManager)
        stack.enter_context(_macros_known(call.root))
        if manifest is not None:
            check = stack.enter_context(StatementCheck())
            owners = RelationOwners(dict.fromkeys(call.published, "") | _owners(manifest))
            stack.enter_context(_nodes_known(owners))
            stack.enter_context(_queries_checked(check, call.recorder))
            stack.enter_context(_statements_checked(check, owners, call.recorder))
            stack.enter_context(_batches_continued(call))
        yield


def _close_scratch(manager: Any) -> None:
    """dbt forgets its environment without closing it: the file stays open until the garbage collector comes."""
    environment = manager._ENV  # noqa: SLF001 - `env()` raises where there is none
    manager.close_all_connections()
    if environment is not None:
        environment.close()


@contextmanager
def _macros_known(root: Path) -> Iterator[None]:
    """Adds the workbench's macros to the project's own, so that they come before those of dbt and of packages."""
    from dbt.config import project

    load = project.load_raw_project

    def load_with_macros(project_root: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        document: dict[str, Any] = load(project_root, *args, **kwargs)
        if Path(project_root).resolve() != root.resolve():
            return document
        return {**document, "macro-paths": [*(document.get("macro-paths") or ["macros"]), str(MACROS)]}

    with _replaced(project, "load_raw_project", load_with_macros):
        yield


@contextmanager
def _queries_checked(check: StatementCheck, recorder: StatementRecorder | None) -> Iterator[None]:
    from dbt.compilation import Compiler

    compile_node = Compiler.compile_node

    def compile_checked(self: Any, node: Any, *args: Any, **kwargs: Any) -> Any:
        if recorder is not None:
            recorder.begin(str(node.unique_id))
        compiled = compile_node(self, node, *args, **kwargs)
        if compiled.resource_type in {"model", "snapshot", "test"} and compiled.compiled_code:
            with _refusal_for_dbt():
                check.query(compiled.compiled_code, compiled.original_file_path)
        return compiled

    with _replaced(Compiler, "compile_node", compile_checked):
        yield


def _owners(manifest: Any) -> dict[str, str]:
    """The node that builds each relation the project names; none builds a source."""
    sources = {f"{source.schema}.{source.identifier}": "" for source in manifest.sources.values()}
    nodes = [node for node in manifest.nodes.values() if node.resource_type in {"model", "snapshot", "seed"}]
    return sources | {f"{node.schema}.{node.alias}": str(node.unique_id) for node in nodes}


@contextmanager
def _nodes_known(owners: RelationOwners) -> Iterator[None]:
    from dbt.task.base import BaseRunner

    safe_run = BaseRunner.safe_run

    def run_known(self: Any, manifest: Any) -> Any:
        with owners.at(str(self.node.unique_id), str(self.node.original_file_path)):
            return safe_run(self, manifest)

    with _replaced(BaseRunner, "safe_run", run_known):
        yield


@contextmanager
def _statements_checked(
    check: StatementCheck, owners: RelationOwners, recorder: StatementRecorder | None
) -> Iterator[None]:
    from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper

    execute = DuckDBCursorWrapper.execute

    def execute_checked(self: Any, sql: str, bindings: Any = None) -> Any:
        with _refusal_for_dbt():
            check.statement(sql, owners.where, owners)
        if recorder is not None:
            recorder.add(sql)
        return execute(self, sql, bindings)

    with _replaced(DuckDBCursorWrapper, "execute", execute_checked):
        yield


@contextmanager
def _refusal_for_dbt() -> Iterator[None]:
    """dbt reports only its own errors as the failure of one node."""
    from dbt_common.exceptions import DbtRuntimeError

    try:
        yield
    except StatementRefused as refused:
        raise DbtRuntimeError(str(refused)) from refused


@contextmanager
def _batches_continued(call: DbtCall) -> Iterator[None]:
    """dbt takes a microbatch model for new where it finds a view: here the served version is one."""
    from dbt.task.run import MicrobatchModelRunner

    known = MicrobatchModelRunner._is_incremental  # noqa: SLF001 - dbt decides nowhere else
    builder = MicrobatchModelRunner.get_microbatch_builder

    def is_incremental(self: Any, model: Any) -> bool:
        if f"{model.schema}.{model.alias}" not in call.published:
            return bool(known(self, model))
        refresh = model.config.full_refresh
        return not (refresh if refresh is not None else getattr(self.config.args, "FULL_REFRESH", False))

    def batches_to_run_time(self: Any, model: Any) -> Any:
        batches = builder(self, model)
        if call.run_time is not None:
            batches.default_end_time = call.run_time.astimezone(UTC)
        return batches

    with (
        _replaced(MicrobatchModelRunner, "_is_incremental", is_incremental),
        _replaced(MicrobatchModelRunner, "get_microbatch_builder", batches_to_run_time),
    ):
        yield


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = owner.__dict__[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)
