"""The embeddings that a project declares, each with where it is projected to: worked out here alone."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..records.declarations import AssetDeclaration, EmbeddingBuild
from ..records.embeddings import EmbeddingOptions, LocalVectors, Weaviate
from ..records.keys import AssetKey


@dataclass(frozen=True)
class DeclaredEmbedding:
    """One asset that is an embedding, and how it is built."""

    declaration: AssetDeclaration
    build: EmbeddingBuild

    @property
    def key(self) -> AssetKey:
        return self.declaration.key

    @property
    def options(self) -> EmbeddingOptions:
        return self.build.options

    @property
    def is_kept_in_files(self) -> bool:
        return any(isinstance(projected, LocalVectors) for projected in self.options.projections)

    @property
    def server(self) -> Weaviate | None:
        """The Weaviate server that it is projected to, if it is to one."""
        return next((projected for projected in self.options.projections if isinstance(projected, Weaviate)), None)


def declared_embeddings(assets: Mapping[AssetKey, AssetDeclaration]) -> dict[AssetKey, DeclaredEmbedding]:
    """Returns the embeddings among a project's assets, parents first."""
    return {
        key: DeclaredEmbedding(declaration, declaration.build)
        for key, declaration in assets.items()
        if isinstance(declaration.build, EmbeddingBuild)
    }
