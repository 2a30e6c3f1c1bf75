"""What of a contract's file its own checks are made of, so that a check is another one only where they may differ."""

import ast
from pathlib import Path

from ..records.base import sha256_of


def checks_code(file: Path) -> str:
    """Returns the sha256 of the file's code: a check may call anything in it.

    Comments, docstrings, the way it is laid out and the fields of models are left out; what fields promise stands in
    the contract by itself.
    """
    return sha256_of(ast.unparse(_ChecksOnly().visit(ast.parse(file.read_bytes()))))


class _ChecksOnly(ast.NodeTransformer):
    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.body = [one for one in node.body if not _is_field(one)]
        return self._without_docstring(node)

    def visit_Module(self, node: ast.Module) -> ast.AST:
        return self._without_docstring(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._without_docstring(node)

    def _without_docstring(self, node: "ast.Module | ast.ClassDef | ast.FunctionDef") -> ast.AST:
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
        # A body must not be empty, whatever was in it.
        node.body = node.body or [ast.Pass()]
        return self.generic_visit(node)


def _is_field(statement: ast.stmt) -> bool:
    """A field has no value, or what `Field(…)` gives; any other value is one that a check may read."""
    if not isinstance(statement, ast.AnnAssign):
        return False
    called = statement.value.func if isinstance(statement.value, ast.Call) else None
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)
    return statement.value is None or name == "Field"
