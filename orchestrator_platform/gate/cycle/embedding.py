"""Puts the build of one embedding together: what it may reuse, where its vectors are kept, who embeds."""

from dataclasses import dataclass

import duckdb

from ...errors import OrchestratorError
from ...lake.history import read_receipt
from ...lake.published import PublishedCut
from ...records.declarations import AssetDeclaration, EmbeddingBuild
from ...records.keys import AssetKey
from ..build import Built
from ..context import Gate
from ..embed import EmbeddingStage, build_embedding
from ..vectors_kept import VectorsKept


@dataclass(frozen=True)
class EmbeddingBuilder:
    """Builds embeddings over one cut. A `rebuild` takes nothing over and embeds every text anew."""

    gate: Gate
    cut: PublishedCut
    rebuild: bool = False

    def build(self, connection: duckdb.DuckDBPyConnection, declaration: AssetDeclaration, source: str) -> Built:
        """Returns what was built of the source's rows; `connection` keeps the relations alive until it is closed."""
        build = declaration.build
        assert isinstance(build, EmbeddingBuild)
        kept = self._kept(build)
        if self.rebuild:
            kept.forget()
        stage = EmbeddingStage(
            connection=connection,
            declaration=declaration,
            source=source,
            base=self._base(connection, declaration),
            kept=kept.store,
            open_embedder=lambda: self.gate.embedders.open_declared(build),
            say=self.gate.say,
        )
        try:
            made = build_embedding(stage, lambda: kept.fill(connection, self.cut))
        except OrchestratorError as error:
            return Built(declaration.key, error=str(error))
        except (duckdb.ProgrammingError, duckdb.DataError) as error:
            first = str(error).strip().splitlines()[0]
            return Built(
                declaration.key, error=f"the texts of {build.options.source} cannot be read as declared: {first}"
            )
        return Built(declaration.key, made.relation, made.part, made.gone, made.key, counts=made.counts)

    def _base(self, connection: duckdb.DuckDBPyConnection, declaration: AssetDeclaration) -> str | None:
        """The served version, where its texts were prepared and cut as they would be now."""
        if self.rebuild or declaration.key not in self.cut.heads:
            return None
        receipt = read_receipt(connection, declaration.key)
        same = receipt is not None and receipt.code_version == declaration.code_version and not receipt.withdrawn
        return f"lake.{declaration.key.quoted}" if same else None

    def _kept(self, build: EmbeddingBuild) -> VectorsKept:
        home = self.gate.settings.home
        assets: list[AssetKey] = [
            key for key, other in self.gate.assets.items() if isinstance(other.build, EmbeddingBuild)
        ]
        return VectorsKept(home.cache, home.candidates, build.identity, assets)
