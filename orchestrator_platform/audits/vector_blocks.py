"""Reads vectors out of a relation, some rows at a time: a table of any size is gone through in bounded memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from ..learning.nearest import Block
from ..records.contracts import Contract
from ..records.embeddings import TEXT_HASH, VECTOR
from ..sql import identifier

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_BLOCK_ROWS = 8_192


@dataclass(frozen=True)
class KeyColumns:
    """The columns that say whose vector it is, with the types by which they are compared."""

    names: Sequence[str]
    types: Sequence[str]

    @property
    def listed(self) -> str:
        return ", ".join(identifier(name) for name in self.names)

    @property
    def id(self) -> str:
        """One number per key, as SQL; equal in every relation of a connection."""
        values = ", ".join(f"{identifier(name)}::{type_}" for name, type_ in zip(self.names, self.types, strict=True))
        return f"greatest(hash({values}), 1::UBIGINT)"

    def of(self, alias: str) -> str:
        return ", ".join(f"{alias}.{identifier(name)}" for name in self.names)

    def matched(self, one: str, other: str) -> str:
        return " AND ".join(f"{one}.{identifier(name)} = {other}.{identifier(name)}" for name in self.names)


def key_columns(contract: Contract, key: Sequence[str]) -> KeyColumns:
    """Returns the key as the contract types it."""
    found = [contract.column(name) for name in key]
    return KeyColumns(key, [column.type for column in found if column is not None])


def vector_blocks(connection: duckdb.DuckDBPyConnection, relation: str, key: KeyColumns, dim: int) -> Iterator[Block]:
    """Yields the rows whose vectors have `dim` numbers; nothing else may run on the connection meanwhile."""
    import numpy as np

    batches = connection.execute(
        f"SELECT {key.id} AS id, hash({TEXT_HASH}) AS text, {VECTOR}::FLOAT[{dim}] AS vector FROM {relation}"
        f" WHERE len({VECTOR}) = {dim}"
    ).to_arrow_reader(_BLOCK_ROWS)
    for batch in batches:
        flat = batch.column("vector").flatten().to_numpy(zero_copy_only=False)
        yield Block(
            ids=batch.column("id").to_numpy(zero_copy_only=False).astype(np.uint64),
            vectors=np.ascontiguousarray(flat, dtype=np.float32).reshape(-1, dim),
            texts=batch.column("text").to_numpy(zero_copy_only=False).astype(np.uint64),
        )


def mean_vector(blocks: Iterator[Block], dim: int) -> "npt.NDArray[np.float64]":
    """Returns the mean of all finite vectors; zeros where there is none."""
    import numpy as np

    total, n_rows = np.zeros(dim), 0
    for block in blocks:
        finite = block.vectors[np.isfinite(block.vectors).all(axis=1)]
        total, n_rows = total + finite.sum(axis=0, dtype=np.float64), n_rows + len(finite)
    return total / max(n_rows, 1)
