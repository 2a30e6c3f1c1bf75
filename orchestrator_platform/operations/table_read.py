"""Holds what a component says of a table that it reads against what the project declares of that table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from ..errors import DefinitionError, StatementRefused
from ..records.contracts import Column, Contract
from ..records.declarations import AssetDeclaration
from ..records.keys import AssetKey
from ..sql import identifier
from ..transforming.condition_check import check_condition
from ..transforming.statement_check import open_parser
from .component_files import ComponentFile

_ONE_EXPRESSION = "Write one expression over its columns."


def wrong(component: ComponentFile, attribute: str, problem: str, fix: str) -> DefinitionError:
    """Returns the error that names the line of an attribute."""
    return DefinitionError(file=component.file, line=component.line_of(attribute), problem=problem, fix=fix)


def table_read(
    component: ComponentFile, attribute: str, asset: AssetKey, declared: Mapping[AssetKey, AssetDeclaration]
) -> "TableRead":
    """Returns the table that an attribute names.

    Raises:
        DefinitionError: Nothing declares it.
    """
    found = declared.get(asset)
    if found is None:
        raise wrong(
            component,
            attribute,
            f"reads {asset}, and nothing declares it",
            "Declare it (a source, features, a dbt model, a Python table), or read something else.",
        )
    return TableRead(component, found)


@dataclass(frozen=True)
class TableRead:
    """A declared table, as a component reads it. Each method raises DefinitionError with the attribute's line."""

    component: ComponentFile
    table: AssetDeclaration

    @property
    def contract(self) -> Contract:
        return self.table.contract

    def require_grain(self, key: Sequence[str]) -> None:
        """The key is the table's grain, in any order."""
        grain = self.contract.grain
        if len(set(key)) != len(key):
            raise self._wrong("key", f"the key [{', '.join(key)}] names a column twice", "Name each once.")
        if grain is None or set(grain) != set(key):
            has = f"the grain [{', '.join(grain)}]" if grain else "no grain"
            fix = "Name the columns of its grain, in any order." if grain else "Say its grain in its contract."
            raise self._wrong("key", f"the key is [{', '.join(key)}], but {self.table.key} has {has}", fix)

    def require_columns(self, attribute: str, names: Sequence[str], fix: str = "") -> None:
        for name in names:
            if self.contract.column(name) is None:
                known = ", ".join(column.name for column in self.contract.columns)
                problem = f"{self.table.key} has no column {name!r}"
                raise self._wrong(attribute, problem, fix or f"Its contract lists: {known}.")

    def key_columns(self, key: Sequence[str]) -> tuple[Column, ...]:
        """Returns the columns of the key as a table made from this one has them: typed, and never null."""
        found = [(name, self.contract.column(name)) for name in key]
        for name, column in found:
            if column is None or not column.type:
                problem = f"the contract of {self.table.key} gives {name!r} no type"
                raise self._wrong("key", problem, "Give it one there (`data_type` in dbt).")
        return tuple(
            column.model_copy(update={"nullable": False, "sequence": False})
            for _, column in found
            if column is not None
        )

    def require_expression(self, attribute: str, expression: str) -> None:
        """One expression over the columns and nothing else, tried on a table without rows where all are typed."""
        self._require_asked(attribute, expression, "SELECT ({expression}\n) FROM (SELECT {columns}) LIMIT 0")

    def require_condition(self, attribute: str, condition: str) -> None:
        """An expression that rows can be chosen by."""
        self._require_asked(attribute, condition, "SELECT 1 FROM (SELECT {columns}) WHERE ({expression}\n)")

    def _require_asked(self, attribute: str, expression: str, question: str) -> None:
        try:
            check_condition(expression, f"{self.component.origin}: `{attribute}`", is_stable=True)
        except StatementRefused as error:
            raise self._wrong(attribute, error.why, _ONE_EXPRESSION) from error
        if not all(column.type for column in self.contract.columns):
            return
        columns = ", ".join(f"NULL::{column.type} AS {identifier(column.name)}" for column in self.contract.columns)
        try:
            with open_parser() as connection:
                connection.execute(question.format(expression=expression, columns=columns))
        except duckdb.Error as error:
            first = str(error).strip().splitlines()[0]
            problem = f"`{expression}` cannot be asked of {self.table.key}: {first}"
            raise self._wrong(attribute, problem, "Mend it.") from error

    def _wrong(self, attribute: str, problem: str, fix: str) -> DefinitionError:
        return wrong(self.component, attribute, problem, fix)
