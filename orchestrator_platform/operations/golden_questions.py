"""The vectors of an embedding's golden queries, as the published tables say them."""

from typing import TYPE_CHECKING

from ..gate.context import Gate
from ..lake.published import PublishedCut
from ..learning.kept_vectors import KeptVectors, vectors_of_texts
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


def _questions(build: EmbeddingBuild, cut: PublishedCut) -> list[str]:
    golden = build.options.golden
    if golden is None:
        return []
    file = build.folder / golden.file
    sql = file.read_text(encoding="utf-8")
    check_query(sql, str(file))
    with cut.connect() as connection:
        connection.execute("USE lake")
        # As a relation of its own the text may end with a semicolon and comments.
        asked = connection.sql(sql)
        rows = asked.query(
            "asked",
            f"SELECT DISTINCT query FROM asked WHERE trim(query) <> '' ORDER BY sha256(query) LIMIT {_MOST_QUESTIONS}",
        ).fetchall()
    return [row[0] for row in rows]
