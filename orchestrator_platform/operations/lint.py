"""Agents, contracts and components looked at as files, in a blink: the use case behind `orchestrator lint`.

Neither Dagster nor dbt nor pandas is imported and no file of the project is run, so that it may run at every commit.
What only loading would tell, `ci` tells.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel

from ..authority.agent_files import read_agent_files
from ..authority.problems import Problem
from ..authority.seats import seat_problems
from ..authority.selections import Selectable
from ..contracts.static_contract import SourceFile, contract_problems, parse_source
from ..errors import DefinitionError
from ..records.keys import AssetKey
from ..settings import Settings
from .component_files import ComponentFile, PythonTableAttributes, read_component_file
from .lint_dbt import DbtLinted, lint_dbt

_NAMES_FILE = re.compile(r"(?P<file>[\w./-]+\.(?:py|sql))(?::(?P<name>\w+))?")
_KINDS: Mapping[str, tuple[str, ...]] = {
    "SourceAttributes": ("raw",),
    "PythonTableAttributes": ("table", "python"),
    "EmbeddingAttributes": ("embedding",),
    "FeaturesAttributes": ("table", "features"),
    "ModelAttributes": ("model",),
    "MonitorAttributes": ("table", "monitor"),
    "ScoresAttributes": ("scores",),
    "RoutingAttributes": ("scores",),
    "LedgerAttributes": ("table", "ledger"),
}


@dataclass
class Linted:
    """Everything that is wrong, by file and line, and how much was looked at."""

    problems: list[Problem] = field(default_factory=list)
    assets: list[Selectable] = field(default_factory=list)
    n_agents: int = 0
    n_components: int = 0
    n_contracts: int = 0
    seats_unchecked_because: str = ""

    @property
    def is_good(self) -> bool:
        return not self.problems


def lint(settings: Settings) -> Linted:
    """Returns every problem that the files show; writes nothing and opens no home."""
    project, found = settings.project, Linted()
    components = list(_components(project.defs, found))
    found.n_components = len(components)
    for component in components:
        _lint_component(component, found)
    dbt = lint_dbt(project.dbt_project, settings.home.cache / "dbt") if _has_dbt(components) else DbtLinted()
    found.assets += dbt.assets
    found.n_contracts += dbt.n_contracts
    found.problems += [_problem(error) for error in dbt.problems]
    _lint_agents(project.agents, found, dbt)
    root = project.root
    found.problems = sorted({_below(root, problem) for problem in found.problems})
    return found


def _components(defs: Path, found: Linted) -> Iterator[ComponentFile]:
    for file in sorted(file for name in ("defs.yaml", "component.yaml") for file in defs.rglob(name)):
        try:
            yield from read_component_file(file)
        except DefinitionError as error:
            found.problems.append(_problem(error))


def _has_dbt(components: Sequence[ComponentFile]) -> bool:
    return any(type(component.attributes).__name__ == "DbtTablesAttributes" for component in components)


def _lint_component(component: ComponentFile, found: Linted) -> None:
    attributes = component.attributes
    for attribute, text in _texts(attributes):
        _lint_reference(component, attribute, text, found)
    asset = getattr(attributes, "asset", None)
    kinds = (*_KINDS.get(type(attributes).__name__, ()), "ducklake")
    if isinstance(asset, AssetKey):
        read = dict.fromkeys(key for key in _keys(attributes) if key != asset)
        found.assets.append(Selectable(asset, asset.schema, kinds, tuple(read)))
    if isinstance(attributes, PythonTableAttributes):
        source = _source(component.folder / attributes.module)
        for key, parents, line, contract in _python_tables(source) if source is not None else ():
            found.assets.append(Selectable(key, key.schema, kinds, parents))
            _lint_reference(
                component, "contract", contract, found, line=line, said_in=str(component.folder / attributes.module)
            )


def _texts(model: BaseModel, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text of the attributes, with the attribute under which it stands."""
    for attribute, value in model:
        yield from _texts_of(name or attribute, value)


def _texts_of(name: str, value: object) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield name, value
        case BaseModel():
            yield from _texts(value, name)
        case dict():
            yield from (found for item in value.values() for found in _texts_of(name, item))
        case list() | tuple():
            yield from (found for item in value for found in _texts_of(name, item))
        case _:
            return


def _keys(model: BaseModel) -> Iterator[AssetKey]:
    """Every asset that the attributes name, below lists as well."""
    for _, value in model:
        for item in value if isinstance(value, list | tuple) else (value,):
            if isinstance(item, AssetKey):
                yield item
            elif isinstance(item, BaseModel):
                yield from _keys(item)


def _lint_reference(
    component: ComponentFile, attribute: str, text: str, found: Linted, *, line: int | None = None, said_in: str = ""
) -> None:
    """A text that names a file beside the component's, and something in it."""
    named = _NAMES_FILE.fullmatch(text)
    if named is None or attribute in {"pattern", "description"}:
        return
    file = component.folder / named["file"]
    place = DefinitionError(
        file=said_in or component.file,
        line=line or component.line_of(attribute),
        problem=f"names {named['file']!r}, which is not there",
        fix="Write the file, or mend its name.",
    )
    if not file.is_file():
        found.problems.append(_problem(place))
        return
    if file.suffix != ".py":
        return
    try:
        source = parse_source(file)
    except DefinitionError as error:
        found.problems.append(_problem(error))
        return
    if named["name"] and named["name"] not in source.names:
        problem = f"names {named['name']!r}, which {named['file']} does not define"
        found.problems.append(Problem(place.file, place.line or 0, problem, "Write it, or mend the name."))
    elif attribute == "contract" and named["name"]:
        found.n_contracts += 1
        found.problems += [_problem(error) for error in contract_problems(source, named["name"])]


def _source(file: Path) -> SourceFile | None:
    try:
        return parse_source(file)
    except DefinitionError:
        return None  # told where the file is named


def _python_tables(source: SourceFile) -> Iterator[tuple[AssetKey, tuple[AssetKey, ...], int, str]]:
    """Key, parents, line and contract of each decorated function, as far as they are written out."""
    for function in (node for node in source.tree.body if isinstance(node, ast.FunctionDef)):
        for call in (item for item in function.decorator_list if isinstance(item, ast.Call)):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            said = {keyword.arg: _literal(keyword.value) for keyword in call.keywords if keyword.arg}
            parents = said.get("parents")
            if name != "python_table" or not isinstance(parents, dict):
                continue
            try:
                keys = tuple(AssetKey(str(parent)) for parent in parents.values())
                yield AssetKey(str(said.get("key"))), keys, call.lineno, str(said.get("contract"))
            except ValueError:
                continue


def _literal(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def _lint_agents(folder: Path, found: Linted, dbt: DbtLinted) -> None:
    """Seats are taken at assets: where some are not known, an empty seat or selection proves nothing."""
    principals, problems = read_agent_files(folder)
    found.n_agents = len(principals)
    broken = bool(found.problems) and not found.assets
    unsure = [*dbt.unknown, *(["the components that cannot be read"] if found.problems else [])]
    seats = () if broken else seat_problems(principals, found.assets, complete=not problems and not unsure)
    if unsure:
        found.seats_unchecked_because = f"not every asset is known: {', '.join(unsure[:5])}"
        seats = tuple(problem for problem in seats if "selects no asset" not in problem.message)
    found.problems += [*problems, *seats]


def _problem(error: DefinitionError) -> Problem:
    return Problem(error.file, error.line or 0, error.problem, error.fix)


def _below(root: Path, problem: Problem) -> Problem:
    """The problem with its file as a person in the project names it."""
    file = Path(problem.file)
    inside = file.is_absolute() and file.is_relative_to(root)
    return Problem(str(file.relative_to(root)) if inside else problem.file, problem.line, problem.message, problem.fix)
