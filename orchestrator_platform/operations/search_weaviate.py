"""Asks the Weaviate server that an embedding is projected to; which version answers is what the server says."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import Misuse
from ..gate.context import Gate
from ..lake.published import PublishedCut
from ..projections.condition_rows import ConditionRows, rows_of_snapshot
from ..projections.made_from import find_made
from ..records.embeddings import Weaviate
from ..records.keys import Version
from ..records.searches import Condition, Found, Question
from .declared_embeddings import DeclaredEmbedding
from .targets import weaviate_target

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..projections.weaviate.notes import Held

Embed = Callable[["Held"], "npt.NDArray[np.float32] | None"]


class WeaviateSearcher:
    """One embedding's server, connected until it is closed."""

    def __init__(self, gate: Gate, embedding: DeclaredEmbedding) -> None:
        from ..projections.weaviate.connection import connected
        from ..projections.weaviate.searching import WeaviateIndex

        self._gate, self._embedding = gate, embedding
        self._open = ExitStack()
        self._rows: tuple[Held, ConditionRows] | None = None
        target = weaviate_target(gate, embedding, _server(embedding))
        client = self._open.enter_context(connected(target.server))
        self._index = WeaviateIndex(target.server, client, target.plan, embedding.options, self._matching)
        self._cut: PublishedCut | None = None

    def search(self, question: Question, embed: Embed, cut: PublishedCut, version: Version | None = None) -> Found:
        """Returns the best rows of the version that the server serves.

        Args:
            embed: Gives the question's vector for what serves; not called where the mode needs none.

        Raises:
            Misuse: Nothing serves, another version was asked for, or the condition cannot be used.
            TargetFailed: The server cannot be asked.
        """
        name, held = self._index.served()
        if version is not None and version != held.version:
            raise Misuse(
                f"{self._embedding.key} is served by the server in version {held.version}, not {version}. Nothing"
                " was searched. Kept versions are searched without it: leave --backend out."
            )
        self._cut = cut
        hits = self._index.search(name, held, replace(question, vector=embed(held)))
        head = cut.heads.get(self._embedding.key)
        return Found(
            asset=self._embedding.key,
            version=held.version,
            source=held.source,
            source_version=held.source_version,
            is_served=head is not None and not head.withdrawn and head.version == held.version,
            mode=question.mode,
            hits=hits,
            key_columns=self._embedding.options.key,
        )

    def close(self) -> None:
        if self._rows is not None:
            self._rows[1].close()
            self._rows = None
        self._open.close()

    def _matching(self, held: "Held", condition: Condition) -> frozenset[str]:
        from ..projections.weaviate.content import key_sql

        if self._rows is None or self._rows[0] != held:
            assert self._cut is not None
            if self._rows is not None:
                self._rows[1].close()
            made = find_made(self._cut, self._embedding.key, held.version, held.source)
            rows = rows_of_snapshot(
                self._gate.layout,
                made.source_snapshot,
                held.source,
                key_sql(self._embedding.options, "s"),
                [column.name for column in self._gate.assets[self._embedding.options.source].contract.columns],
                self._gate.settings.searching,
            )
            self._rows = (held, rows)
        return frozenset(self._rows[1].matching(condition))


def _server(embedding: DeclaredEmbedding) -> Weaviate:
    if embedding.server is None:
        raise Misuse(
            f"{embedding.key} is not projected to a Weaviate server. Nothing was searched. Add one to its component:"
            " `projections: [{kind: weaviate, url: …}]`."
        )
    return embedding.server
