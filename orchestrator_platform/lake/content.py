"""The identity of a table's content: schema, row count and two salted sums of row hashes.

Sums rather than exclusive ors, because equal rows must not cancel and a delta must be able to
update the identity without reading the base.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import duckdb

from ..records.base import sha256_of
from ..records.candidates import SchemaColumn
from ..sql import identifier

_SALTS = ("first", "second")


@dataclass(frozen=True)
class Content:
    """Content as a value that can be added and subtracted.

    `algorithm` names the hash function by what it gives for fixed values, so that a DuckDB whose
    hash differs is noticed and contents of two algorithms are never compared.
    """

    algorithm: str
    schema: str
    n_rows: int
    sums: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.algorithm}-{self.schema}-{self.n_rows}-{self.sums[0]:x}-{self.sums[1]:x}"

    @classmethod
    def parse(cls, text: str) -> "Content":
        algorithm, schema, n_rows, first, second = text.split("-")
        return cls(algorithm, schema, int(n_rows), (int(first, 16), int(second, 16)))

    def agrees_with(self, other: "Content") -> bool:
        """Whether both can be the same rows: what two algorithms hashed is compared by the number of rows alone."""
        return self == other if self.algorithm == other.algorithm else self.n_rows == other.n_rows

    def plus(self, other: "Content") -> "Content":
        """Returns the content of both row sets together, under this content's schema."""
        sums = (self.sums[0] + other.sums[0], self.sums[1] + other.sums[1])
        return replace(self, n_rows=self.n_rows + other.n_rows, sums=sums)

    def minus(self, other: "Content") -> "Content":
        """Returns what remains when the other rows are taken away."""
        sums = (self.sums[0] - other.sums[0], self.sums[1] - other.sums[1])
        return replace(self, n_rows=self.n_rows - other.n_rows, sums=sums)


def measure_content(connection: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[SchemaColumn]) -> Content:
    """Returns the content of a relation: anything that can stand after FROM.

    The order of rows and of columns does not count; names and types do.
    """
    row = connection.execute(f"SELECT count(*), {_sums(columns)} FROM {relation}").fetchone()
    assert row is not None
    return Content(hash_algorithm(), schema_hash(columns), int(row[0]), (int(row[1]), int(row[2])))


def measure_slices(
    connection: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[SchemaColumn], name_sql: str
) -> dict[str, Content]:
    """Returns the content of each slice of a relation by the slice's name; rows without a name are left out.

    Args:
        name_sql: An expression over the relation's columns that gives the name of a row's slice.
    """
    rows = connection.execute(
        f"SELECT {name_sql} AS _slice, count(*), {_sums(columns)} FROM {relation} GROUP BY _slice"
    ).fetchall()
    algorithm, schema = hash_algorithm(), schema_hash(columns)
    return {
        str(name): Content(algorithm, schema, int(n_rows), (int(first), int(second)))
        for name, n_rows, first, second in rows
        if name is not None
    }


def no_content(columns: Sequence[SchemaColumn]) -> Content:
    """Returns the content of no rows."""
    return Content(hash_algorithm(), schema_hash(columns), 0, (0, 0))


def _sums(columns: Sequence[SchemaColumn]) -> str:
    names = [identifier(column.name) for column in sorted(columns, key=lambda column: column.name)]
    return ", ".join(f"coalesce(sum(hash({', '.join([repr(salt), *names])})), 0)::VARCHAR" for salt in _SALTS)


def hash_file(path: Path) -> str:
    """Returns the sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def schema_hash(columns: Sequence[SchemaColumn]) -> str:
    """Returns twelve hexadecimal digits that stand for the names and types, whatever their order."""
    return sha256_of(sorted([column.name, column.type] for column in columns))[:12]


@cache
def hash_algorithm() -> str:
    """Returns the name of the row hash as the DuckDB of this process computes it."""
    with duckdb.connect() as connection:
        row = connection.execute(
            "SELECT hash('first', 1::BIGINT, 'ä', 1.5::DOUBLE, NULL, DATE '2000-01-02', [1.0::FLOAT], {'a': true})"
        ).fetchone()
    return "s1" + hashlib.sha256(str(row).encode()).hexdigest()[:6]
