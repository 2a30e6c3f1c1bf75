"""What defects are planted in: a relation with its columns as they are filled, and the SQL that picks rows of it.

Knows no contract and no defect.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from ..sql import identifier, literal, read_columns

_PICKED = "_planted"
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_FRACTIONS = ("FLOAT", "DOUBLE", "DECIMAL")
_TIMES = ("DATE", "TIMESTAMP")
_VECTORS = ("FLOAT[]", "DOUBLE[]")
_CATEGORIES, _CATEGORY_LENGTH = 30, 40


@dataclass(frozen=True)
class FilledColumn:
    """A column and what is in it; `longest` is the length of its longest value as text."""

    name: str
    type: str
    n_filled: int
    n_distinct: int
    longest: int

    @property
    def is_whole_number(self) -> bool:
        return self.type in _NUMBERS

    @property
    def is_number(self) -> bool:
        return self.is_whole_number or (self.type.startswith(_FRACTIONS) and "[" not in self.type)

    @property
    def is_text(self) -> bool:
        return self.type == "VARCHAR"

    @property
    def is_time(self) -> bool:
        return self.type.startswith(_TIMES) and not self.type.endswith("]")

    @property
    def is_vector(self) -> bool:
        return self.type in _VECTORS

    @property
    def is_category(self) -> bool:
        """Whether values repeat, and are few and short."""
        few = 0 < self.n_distinct <= _CATEGORIES and self.n_distinct < self.n_filled
        return self.is_text and few and self.longest <= _CATEGORY_LENGTH


@dataclass(frozen=True)
class Ground:
    """A table as it serves. `relation` is what can stand after FROM, `older` an earlier content of it, if there is one.

    `keys` are the columns that identify a row, or that tie it to another table; `seed` decides which rows are hit.
    """

    relation: str
    columns: tuple[FilledColumn, ...]
    keys: tuple[str, ...]
    seed: int
    older: str | None = None

    def whole(self, changes: Mapping[str, str]) -> str:
        """Returns the relation with these columns replaced by an expression in every row."""
        return f"(SELECT * REPLACE ({_replacements(changes)}) FROM {self.relation})"

    def part(self, share: float, changes: Mapping[str, str], salt: str) -> str:
        """Returns the relation with these columns replaced in a share of the rows in which the first is filled."""
        picked = {
            name: f"CASE WHEN {_PICKED} THEN {expression} ELSE {identifier(name)} END"
            for name, expression in changes.items()
        }
        rows = self.picked(share, salt, first=next(iter(changes)))
        return f"(SELECT * EXCLUDE ({_PICKED}) REPLACE ({_replacements(picked)}) FROM {rows})"

    def rows(self, share: float, salt: str, *, others: bool = False) -> str:
        """Returns a share of the rows, at least one; or all others."""
        condition = f"NOT {_PICKED}" if others else _PICKED
        return f"(SELECT * EXCLUDE ({_PICKED}) FROM {self.picked(share, salt)} WHERE {condition})"

    def picked(self, share: float, salt: str, first: str | None = None) -> str:
        """Returns the relation with a mark on a share of its rows: by their content, so that the seed decides."""
        filled = f"{identifier(first)} IS NULL, " if first else ""
        order = f"{filled}hash(t, {literal(f'{self.seed}:{salt}')})"
        limit = f"greatest(1, ceil({share} * count({identifier(first) if first else '*'}) OVER ()))"
        mark = f"row_number() OVER (ORDER BY {order}) <= {limit}"
        return f"(SELECT *, {mark} AS {_PICKED} FROM {self.relation} AS t)"


def read_ground(
    connection: duckdb.DuckDBPyConnection, relation: str, keys: tuple[str, ...], seed: int, older: str | None = None
) -> Ground:
    """Returns the ground that a relation is; one pass over it."""
    columns = read_columns(connection, relation)
    parts = ", ".join(
        f"count({name}), count(DISTINCT {name}), max(length({name}::VARCHAR))"
        for name in (identifier(column.name) for column in columns)
    )
    row = connection.execute(f"SELECT {parts} FROM {relation}").fetchone()
    assert row is not None
    filled = tuple(
        FilledColumn(column.name, column.type, row[3 * i], row[3 * i + 1], row[3 * i + 2] or 0)
        for i, column in enumerate(columns)
    )
    return Ground(relation, filled, keys, seed, older)


def _replacements(changes: Mapping[str, str]) -> str:
    return ", ".join(f"{expression} AS {identifier(name)}" for name, expression in changes.items())
