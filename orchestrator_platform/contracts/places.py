"""Where a person finds what is wrong: a file, and the line of a class or a field in it."""

import ast
from dataclasses import dataclass
from pathlib import Path

from ..errors import DefinitionError


@dataclass(frozen=True)
class Place:
    """A spot in a file of the project, from which errors are raised."""

    file: str
    line: int | None = None

    def error(self, problem: str, fix: str) -> DefinitionError:
        """Returns the error to raise: what is wrong here, and what to do about it."""
        return DefinitionError(file=self.file, line=self.line, problem=problem, fix=fix)


def class_place(file: Path, class_name: str) -> Place:
    """Returns where the class begins, or the file where it cannot be found."""
    found = [node.lineno for node in _classes(file) if node.name == class_name]
    return Place(str(file), found[-1] if found else None)


def field_place(file: Path, class_name: str, field: str) -> Place:
    """Returns where the field or the method is written: in the class, else in another class of the file."""
    classes = sorted(_classes(file), key=lambda node: node.name != class_name)
    for node in classes:
        for statement in node.body:
            if _name(statement) == field:
                return Place(str(file), statement.lineno)
    return class_place(file, class_name)


def class_names(file: Path) -> tuple[str, ...]:
    """Returns the names of the classes that the file defines."""
    return tuple(node.name for node in _classes(file))


def _classes(file: Path) -> list[ast.ClassDef]:
    tree = ast.parse(file.read_bytes())
    return [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]


def _name(statement: ast.stmt) -> str | None:
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return statement.target.id
    if isinstance(statement, ast.FunctionDef):
        return statement.name
    return None
