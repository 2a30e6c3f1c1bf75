"""The serving copies that a project declares: one target for each projection of each embedding."""

from pathlib import Path

from ..gate.context import Gate
from ..projections.local_vectors import LocalTarget
from ..projections.serving import DeclaredTarget
from ..records.base import sha256_of
from ..records.declarations import EmbeddingBuild
from ..records.embeddings import EmbeddingOptions, LocalVectors, Projected
from ..records.keys import AssetKey
from ..settings import Home


def declared_targets(gate: Gate) -> tuple[DeclaredTarget, ...]:
    """Returns the targets of every declared embedding, parents first."""
    return tuple(
        DeclaredTarget(
            local_target(gate.settings.home, declaration.key, declaration.build.options),
            _settings(declaration.build.options, projected),
        )
        for declaration in gate.assets.values()
        if isinstance(declaration.build, EmbeddingBuild)
        for projected in declaration.build.options.projections
        if isinstance(projected, LocalVectors)
    )


def local_folder(home: Home) -> Path:
    """Returns where the files of all local targets are."""
    return home.projections / "local"


def local_target(home: Home, asset: AssetKey, options: EmbeddingOptions) -> LocalTarget:
    """Returns the target that keeps an embedding in files of the home."""
    return LocalTarget(asset, options, local_folder(home))


def _settings(options: EmbeddingOptions, projected: Projected) -> str:
    said = options.model_dump(mode="json", include={"key", "source", "text", "title", "show"})
    return sha256_of([said, projected.model_dump(mode="json")])[:16]
