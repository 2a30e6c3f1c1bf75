"""What can be seen of one version of an embedding: its texts on a map, some with their neighbours, and how well golden
queries were answered by it and by those before it. Reads a published cut; draws nothing.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import duckdb

from ..audits.retrieval import CHECKS as RETRIEVAL
from ..audits.vector_blocks import KeyColumns, key_columns, vector_blocks
from ..lake.history import read_receipts_at
from ..lake.published import PublishedCut
from ..learning.nearest import Block
from ..learning.text_map import TextMap, map_texts, nearest_others
from ..records.contracts import Contract
from ..records.declarations import EmbeddingBuild
from ..records.embeddings import CHUNK
from ..records.findings import MASK
from ..records.keys import Version
from ..records.receipts import Receipt
from ..sql import identifier
from .made_from import Made, find_made

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MOST_POINTS = 2_000
_MOST_MARKED = 500
_MOST_VERSIONS = 40
_N_EXAMPLES, _N_NEIGHBOURS = 5, 3
# Of a larger table so many rows are looked at, in memory at once: an example and a sample need no more.
_MOST_COMPARED = 100_000
_LONGEST_NAME = 120


@dataclass(frozen=True, eq=False)
class SampledMap:
    """A sample of the texts on a plane. `marked` are those that answer golden queries, shape (n,); `n_texts` counts all
    that there are.
    """

    texts: TextMap
    marked: "npt.NDArray[np.bool_]"
    n_texts: int


@dataclass(frozen=True)
class Neighbour:
    """Two texts by name; `row` is where the first lies in the sample."""

    row: int
    name: str
    other: str
    cosine: float


@dataclass(frozen=True)
class EmbeddingPage:
    """`map` is `None` where there are no texts."""

    map: SampledMap | None
    neighbours: tuple[Neighbour, ...]


def figures_of(receipt: Receipt) -> Mapping[str, float]:
    """Returns how well golden queries were answered, as the auditor measured it; nothing where there are none."""
    found = {finding.check: finding.measured for finding in receipt.findings}
    measured = {check.removeprefix("retrieval_"): found.get(check) for check in RETRIEVAL}
    return {name: float(value) for name, value in measured.items() if isinstance(value, (int, float))}


def figures_over_versions(cut: PublishedCut, receipt: Receipt) -> Mapping[Version, Mapping[str, float]]:
    """Returns the figures of this version and of those before it that have some, oldest first."""
    first = max(1, receipt.version - _MOST_VERSIONS + 1)
    versions = [(receipt.asset, Version(number)) for number in range(first, receipt.version + 1)]
    with closing(cut.connect()) as connection:
        receipts = read_receipts_at(connection, versions)
    kept = (receipts[each] for each in versions if each in receipts and not receipts[each].withdrawn)
    return {one.version: figures for one in kept if (figures := figures_of(one))}


def read_page(
    cut: PublishedCut, receipt: Receipt, build: EmbeddingBuild, source: Contract, answers: "npt.NDArray[np.uint64]"
) -> EmbeddingPage:
    """Returns the map and the neighbours of the version that the cut shows.

    Args:
        source: The contract of the table whose texts are embedded; what it marks as personal is not shown.
        answers: The ids of the rows that answer golden queries, as `golden_answers` returns them.

    Raises:
        VersionNotKept: The version's rows are not in the lake any more.
    """
    made = find_made(cut, receipt.asset, receipt.version, build.options.source)
    with closing(cut.connect()) as connection:
        return _Reading(connection, made, build, source, answers).page()


@dataclass(frozen=True)
class _Reading:
    connection: duckdb.DuckDBPyConnection
    made: Made
    build: EmbeddingBuild
    source: Contract
    answers: "npt.NDArray[np.uint64]"

    def page(self) -> EmbeddingPage:
        import numpy as np

        rows = self._rows()
        if not len(rows.ids):
            return EmbeddingPage(None, ())
        marked = np.isin(rows.ids, self.answers)
        # Ids are hashes of the keys: the lowest are as good as drawn, and the same ones in the next version.
        others = np.flatnonzero(~marked)[: MOST_POINTS - min(int(marked.sum()), _MOST_MARKED)]
        shown = np.sort(np.concatenate([np.flatnonzero(marked)[:_MOST_MARKED], others]))
        drawn = SampledMap(map_texts(rows.vectors[shown]), marked[shown], self._n_texts())
        return EmbeddingPage(drawn, self._neighbours(rows, shown))

    @cached_property
    def key(self) -> KeyColumns:
        return key_columns(self.source, self.build.options.key)

    @property
    def _texts(self) -> str:
        """One row for each text: its first piece."""
        return f"(FROM lake.{self.made.receipt.asset.quoted} WHERE {CHUNK} = 0)"

    def _n_texts(self) -> int:
        row = self.connection.execute(f"SELECT count(*) FROM {self._texts}").fetchone()
        assert row is not None
        return int(row[0])

    def _rows(self) -> Block:
        """As many rows as are looked at, the answers among them, by id."""
        import numpy as np

        every = max(1, -(-self.made.receipt.n_rows // _MOST_COMPARED))
        self.connection.execute(
            "CREATE OR REPLACE TEMP TABLE _answers AS SELECT DISTINCT unnest(?::UBIGINT[]) AS id",
            [self.answers.tolist()],
        )
        few = f" WHERE {self.key.id} % {every} = 0 OR {self.key.id} IN (FROM _answers)" if every > 1 else ""
        dim = self.build.identity.dim
        blocks = list(vector_blocks(self.connection, f"(FROM {self._texts}{few})", self.key, dim))
        ids = np.concatenate([np.zeros(0, dtype=np.uint64), *(block.ids for block in blocks)])
        texts = np.concatenate([np.zeros(0, dtype=np.uint64), *(block.texts for block in blocks)])
        vectors = np.concatenate([np.zeros((0, dim), dtype=np.float32), *(block.vectors for block in blocks)])
        order = np.argsort(ids, kind="stable")
        return Block(ids[order], vectors[order], texts[order])

    def _neighbours(self, rows: Block, shown: "npt.NDArray[np.int64]") -> tuple[Neighbour, ...]:
        examples = shown[:_N_EXAMPLES].tolist()
        near = {row: nearest_others(rows.vectors, rows.texts, row, _N_NEIGHBOURS) for row in examples}
        wanted = [*examples, *(other for found in near.values() for other, _ in found)]
        names = self._names([int(rows.ids[row]) for row in wanted])
        named = dict(zip(wanted, names, strict=True))
        return tuple(
            Neighbour(place, named[row], named[other], cosine)
            for place, row in enumerate(examples)
            for other, cosine in near[row]
        )

    def _names(self, ids: Sequence[int]) -> Sequence[str]:
        """Key and title of each row, or how its text begins, as the source had them when it was embedded."""
        options, hidden = self.build.options, self.source.pii_columns

        def shown(names: Sequence[str]) -> str:
            texts = (
                f"'{MASK}'" if name in hidden else f"nullif(trim({identifier(name)}::VARCHAR), '')" for name in names
            )
            return f"coalesce({', '.join(texts)}, '')"

        key = ", ".join(shown([name]) for name in options.key)
        title = shown([*([options.title] if options.title else []), *options.text_columns])
        rows = self.connection.execute(
            f"SELECT {self.key.id} AS id, [{key}, left({title}, 10 * {_LONGEST_NAME})]"
            f" FROM lake.{options.source.quoted} AT (VERSION => {self.made.source_snapshot})"
            " WHERE id IN (SELECT unnest(?::UBIGINT[]))",
            [list(ids)],
        ).fetchall()
        found = {row[0]: _name(row[1]) for row in rows}
        return [found.get(id_, "a row that is gone") for id_ in ids]


def _name(values: Sequence[str]) -> str:
    words = " ".join(" ".join(values).split())
    return words if len(words) <= _LONGEST_NAME else f"{words[: _LONGEST_NAME - 1]}…"
