"""Tables made by a Python function of other tables: how they are declared, found and run. It knows no lake."""

import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from ..errors import DefinitionError, Misuse, PythonTableFailed
from ..python_file import line_in, run_python_file
from ..records.keys import AssetKey
from .frames import frame_kind, hand_over, take_back


@dataclass(frozen=True)
class PythonTable:
    """A declared Python table. `parents` maps the function's parameters to tables.

    `code_version` is the sha256 of the file it is written in; what that file imports does not count.
    Calling it calls the function, so that a test can pass frames of its own.
    """

    function: Callable[..., Any]
    key: AssetKey
    parents: Mapping[str, AssetKey]
    code_version: str
    file: Path
    line: int
    contract: str
    description: str = ""
    partition: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        return self.function.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


def python_table(
    *,
    key: str,
    parents: Mapping[str, str],
    contract: str,
    description: str = "",
    partition: Mapping[str, Any] | None = None,
) -> Callable[[Callable[..., Any]], PythonTable]:
    """Declares that the function makes the table `key` out of `parents`, parameter name -> table.

    `contract` is `file.py:Class`, the file beside the component's.
    A parameter is a DuckDB relation, or a pandas, Polars or Arrow table where it is annotated so; the
    function returns any of these. Without a description, the function's docstring is it. `partition` cuts the table
    into slices, which are then built and replaced one by one: the function sees what these are made from, no more.

    Raises:
        DefinitionError: A name is no asset key, or parameters and parents differ.
    """

    def declare(function: Callable[..., Any]) -> PythonTable:
        file, line = Path(function.__code__.co_filename), function.__code__.co_firstlineno
        try:
            keys = {name: AssetKey(parent) for name, parent in parents.items()}
            own = AssetKey(key)
        except ValueError as error:
            raise DefinitionError(file=file, line=line, problem=str(error), fix="Write `schema.name`.") from error
        _check_parameters(function, keys, file, line)
        version = hashlib.sha256(file.read_bytes()).hexdigest()
        text = description or inspect.getdoc(function) or ""
        return PythonTable(function, own, keys, version, file, line, contract, text, partition)

    return declare


def _check_parameters(function: Callable[..., Any], parents: Mapping[str, AssetKey], file: Path, line: int) -> None:
    taken = set(inspect.signature(function).parameters)
    if taken != set(parents):
        listed = ", ".join(sorted(taken ^ set(parents)))
        problem = f"{function.__name__}() and its parents differ in: {listed}"
        raise DefinitionError(file=file, line=line, problem=problem, fix="Name one parent for each parameter.")
    for name, annotation in function.__annotations__.items():
        if name != "return" and frame_kind(annotation) is None:
            problem = f"{function.__name__}() wants {name} as {annotation}"
            fix = "Annotate it as a duckdb relation, a pandas or polars DataFrame, or a pyarrow Table."
            raise DefinitionError(file=file, line=line, problem=problem, fix=fix)


def load_python_tables(file: Path) -> tuple[PythonTable, ...]:
    """Returns the tables declared in the file, in the order they stand there.

    Raises:
        DefinitionError: The file cannot be run, or declares no table, or one table twice.
    """
    module = run_python_file(file, anew=True)
    found = {id(value): value for value in vars(module).values() if isinstance(value, PythonTable)}
    here = file.resolve()
    tables = tuple(sorted((t for t in found.values() if t.file.resolve() == here), key=lambda t: t.line))
    if not tables:
        fix = "Decorate a function with @python_table(key=…, parents=…, contract=…)."
        raise DefinitionError(file=file, problem="declares no Python table", fix=fix)
    for table in tables:
        if sum(other.key == table.key for other in tables) > 1:
            problem = f"{table.key} is declared twice"
            raise DefinitionError(file=file, line=table.line, problem=problem, fix="Give one of them another key.")
    return tables


def run_python_table(
    table: PythonTable, connection: duckdb.DuckDBPyConnection, relations: Mapping[AssetKey, str]
) -> str:
    """Runs the function on the relations and returns the name of the table it made in the connection.

    The result is stored as `schema.name` in the connection's own database, where a view of the served
    version gives way to it; nodes that are built later in the same workbench read it under that name.

    Raises:
        Misuse: A parent has no relation.
        PythonTableFailed: The function raised, or returned what is no table.
    """
    missing = sorted(set(table.parents.values()) - set(relations))
    if missing:
        raise Misuse(
            f"{table.file}: {table.name}() reads {', '.join(missing)}, which has no version yet. Build it first."
        )
    annotations = table.function.__annotations__
    arguments = {
        name: hand_over(connection, relations[key], frame_kind(annotations.get(name)))
        for name, key in table.parents.items()
    }
    try:
        returned = table.function(**arguments)
        return take_back(connection, table.key, returned)
    except (Exception, SystemExit) as error:
        raise _failure(table, error) from error


def _failure(table: PythonTable, error: Exception | SystemExit) -> PythonTableFailed:
    if isinstance(error, TypeError) and line_in(table.file, error) is None:
        problem, fix = str(error), "Return a duckdb relation, a pandas or polars DataFrame, or a pyarrow Table."
    else:
        problem, fix = f"raised {type(error).__name__}: {error}", "Mend the function, then build again."
    line = line_in(table.file, error) or table.line
    return PythonTableFailed(file=table.file, line=line, function=table.name, problem=problem, fix=fix)
