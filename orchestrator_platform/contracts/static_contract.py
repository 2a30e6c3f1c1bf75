"""A pandera contract looked at without running it: what of its promises can be read off the text, and is wrong.

It imports neither pandera nor pandas. What it cannot know, such as fields of a class from elsewhere, it passes over.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import DefinitionError
from .places import Place
from .promises import read_grain, read_rows

METADATA_KEYS = frozenset({"grain", "rows", "row_wise", "meta"})


@dataclass(frozen=True)
class SourceFile:
    """A Python file as text tells it; `tree` is there where it can be parsed."""

    file: Path
    tree: ast.Module

    @property
    def names(self) -> frozenset[str]:
        """What the file defines at its top, by any statement."""
        return frozenset(name for statement in self.tree.body for name in _defined(statement))

    def classes(self) -> Mapping[str, ast.ClassDef]:
        return {node.name: node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef)}


def parse_source(file: Path) -> SourceFile:
    """Returns the file, parsed.

    Raises:
        DefinitionError: It cannot be read, or is no Python.
    """
    try:
        return SourceFile(file, ast.parse(file.read_bytes()))
    except SyntaxError as error:
        place = Place(str(file), error.lineno)
        raise place.error(f"is no Python: {error.msg}", "Mend the file.") from error
    except (OSError, ValueError) as error:
        raise Place(str(file)).error(f"cannot be read: {error}", "Write the file, or mend its name.") from error


def contract_problems(source: SourceFile, class_name: str) -> Iterator[DefinitionError]:
    """Yields what is wrong with the contract that the class of that name stands for; of none that is not here."""
    found = source.classes().get(class_name)
    if found is None:
        return
    shape = _shape(source, found, frozenset())
    place = Place(str(source.file), shape.metadata_line or found.lineno)
    if shape.metadata is None:
        if shape.is_whole:
            where = f'Write in {class_name}.Config: metadata = {{"grain": ["column"]}}.'
            yield Place(str(source.file), found.lineno).error("does not say the table's grain", where)
        return
    yield from _metadata_problems(shape, place, class_name)


@dataclass
class _Shape:
    """What a class and its bases of the same file say; `is_whole` where no base is from elsewhere."""

    fields: set[str] = field(default_factory=set)
    metadata: dict[str, Any] | None = None
    metadata_line: int | None = None
    is_whole: bool = True


def _shape(source: SourceFile, node: ast.ClassDef, seen: frozenset[str]) -> _Shape:
    shape = _Shape()
    classes = source.classes()
    for base in node.bases:
        name = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
        if name in classes and name not in seen:
            inherited = _shape(source, classes[name], seen | {node.name})
            shape.fields |= inherited.fields
            shape.metadata, shape.metadata_line = inherited.metadata, inherited.metadata_line
            shape.is_whole = shape.is_whole and inherited.is_whole
        elif name != "DataFrameModel":
            shape.is_whole = False
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            shape.fields.add(_alias(statement) or statement.target.id)
        if isinstance(statement, ast.ClassDef) and statement.name == "Config":
            _read_config(statement, shape)
    return shape


def _alias(statement: ast.AnnAssign) -> str | None:
    keywords = statement.value.keywords if isinstance(statement.value, ast.Call) else []
    given = next((keyword.value for keyword in keywords if keyword.arg == "alias"), None)
    return given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else None


def _read_config(config: ast.ClassDef, shape: _Shape) -> None:
    for statement in config.body:
        named = isinstance(statement, ast.Assign) and any(getattr(t, "id", "") == "metadata" for t in statement.targets)
        if not named or not isinstance(statement, ast.Assign):
            continue
        shape.metadata_line = statement.lineno
        try:
            value = ast.literal_eval(statement.value)
        except ValueError:
            # Computed: only running it would tell.
            shape.metadata, shape.is_whole = None, False
            continue
        shape.metadata = value if isinstance(value, dict) else {}


def _metadata_problems(shape: _Shape, place: Place, class_name: str) -> Iterator[DefinitionError]:
    metadata = shape.metadata or {}
    for key in sorted(set(metadata) - METADATA_KEYS):
        yield place.error(f"has {key!r} in its metadata", f"Known are {', '.join(sorted(METADATA_KEYS))}.")
    named: tuple[str, ...] = ()
    try:
        named = read_grain(metadata, place, where=f"{class_name}.Config.metadata") or ()
    except DefinitionError as error:
        yield error
    try:
        rows = read_rows(metadata, place)
        named += rows.on if rows else ()
    except DefinitionError as error:
        yield error
    for name in named:
        if shape.is_whole and name not in shape.fields:
            yield place.error(f"names {name!r}, which is no column of {class_name}", "Declare it, or mend the name.")


def _defined(statement: ast.stmt) -> Iterator[str]:
    match statement:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name
        case ast.Assign(targets=targets):
            yield from (target.id for target in targets if isinstance(target, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from (alias.asname or alias.name for alias in names)
        case _:
            return
