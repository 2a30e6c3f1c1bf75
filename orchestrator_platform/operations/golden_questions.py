"""An embedding's golden queries as the published tables say them: their vectors, and the rows that answer them."""

from typing import TYPE_CHECKING

import duckdb

from ..audits.vector_blocks import key_columns
from ..gate.context import Gate
from ..lake.published import PublishedCut
from ..learning.kept_vectors import KeptVectors, vectors_of_texts
from ..records.contracts import Contract
from ..records.declarations import EmbeddingBuild
from ..transforming.statement_check import check_query

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# An index that answers these as exact search does answers the others so, too.
_MOST_QUESTIONS = 200


def golden_vectors(gate: Gate, build: EmbeddingBuild, cut: PublishedCut) -> "npt.NDArray[np.float32] | None":
    """Returns the vectors of some golden queries, float32, shape (n, dim); `None` where the embedding has none.

    Raises:
        StatementRefused: The project's statement is not one SELECT.
    """
    texts = _questions(build, cut)
    if not texts:
        return None
    kept = KeptVectors(gate.settings.home.cache / "golden" / build.identity.hash())
    with cut.connect() as connection:
        return vectors_of_texts(kept, connection, texts, lambda: gate.judges.open_declared(build))


def golden_answers(build: EmbeddingBuild, source: Contract, cut: PublishedCut) -> "npt.NDArray[np.uint64]":
    """Returns the ids of the rows that answer some golden query, as `KeyColumns.id` counts them, uint64.

    Raises:
        StatementRefused: The project's statement is not one SELECT.
    """
    import numpy as np

    if build.options.golden is None:
        return np.zeros(0, dtype=np.uint64)
    with cut.connect() as connection:
        asked = _asked(build, connection)
        found = asked.query("asked", f"SELECT DISTINCT {key_columns(source, build.options.key).id} AS id FROM asked")
        return np.asarray(found.fetchnumpy()["id"], dtype=np.uint64)


def _questions(build: EmbeddingBuild, cut: PublishedCut) -> list[str]:
    if build.options.golden is None:
        return []
    with cut.connect() as connection:
        few = f"WHERE trim(query) <> '' ORDER BY sha256(query) LIMIT {_MOST_QUESTIONS}"
        rows = _asked(build, connection).query("asked", f"SELECT DISTINCT query FROM asked {few}").fetchall()
    return [row[0] for row in rows]


def _asked(build: EmbeddingBuild, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
    """What the project's statement selects; as a relation of its own its text may end with a semicolon and comments."""
    assert build.options.golden is not None
    file = build.folder / build.options.golden.file
    sql = file.read_text(encoding="utf-8")
    check_query(sql, str(file))
    connection.execute("USE lake")
    return connection.sql(sql)
