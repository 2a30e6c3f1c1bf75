"""The serving copies that a project declares: a target for each projection of each embedding, and for each model."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..gate.context import Gate
from ..projections.index_meta import FORMAT
from ..projections.local_vectors import LocalTarget
from ..projections.serving import DeclaredTarget, Target
from ..records.base import sha256_of
from ..records.candidates import SchemaColumn
from ..records.declarations import EmbeddingBuild, ModelBuild
from ..records.embeddings import EmbeddingOptions, LocalVectors, Projected, Weaviate
from ..records.keys import AssetKey
from ..settings import REGISTRY_AT_HOME, REGISTRY_OFF, Home, Settings, load_secret
from .declared_embeddings import DeclaredEmbedding, declared_embeddings
from .golden_questions import golden_vectors

if TYPE_CHECKING:
    from ..projections.mlflow_registry.connection import RegistryPlace
    from ..projections.weaviate.target import WeaviateTarget


def declared_targets(gate: Gate) -> tuple[DeclaredTarget, ...]:
    """Returns the targets of every declared embedding, then those of every model, parents first."""
    return (*_of_embeddings(gate), *_of_models(gate))


def _of_models(gate: Gate) -> tuple[DeclaredTarget, ...]:
    if gate.settings.registry == REGISTRY_OFF:
        return ()
    from ..projections.mlflow_registry.target import RegistryTarget

    place = registry_place(gate.settings)
    return tuple(
        DeclaredTarget(
            RegistryTarget(asset, build.options.name, place, build.options.allowed_types, gate.say),
            sha256_of([build.options.name, place.uri])[:16],
        )
        for asset, declaration in gate.assets.items()
        if isinstance(build := declaration.build, ModelBuild)
    )


def registry_place(settings: Settings) -> "RegistryPlace":
    """Returns where models are registered: in the home, unless the settings name a server."""
    from ..projections.mlflow_registry.connection import RegistryPlace

    url = "" if settings.registry == REGISTRY_AT_HOME else settings.registry
    return RegistryPlace(settings.home.projections / "mlflow", url)


def _of_embeddings(gate: Gate) -> tuple[DeclaredTarget, ...]:
    return tuple(
        DeclaredTarget(_target(gate, embedding, projected), _settings(embedding.options, projected))
        for embedding in declared_embeddings(gate.assets).values()
        for projected in embedding.options.projections
        # What lies over another home is nobody's to see: no server hears of it.
        if gate.settings.over is None or isinstance(projected, LocalVectors)
    )


def _target(gate: Gate, embedding: DeclaredEmbedding, projected: Projected) -> Target:
    match projected:
        case LocalVectors():
            return local_target(gate.settings.home, embedding.key, embedding.options)
        case Weaviate():
            return weaviate_target(gate, embedding, projected)


def weaviate_target(gate: Gate, embedding: DeclaredEmbedding, options: Weaviate) -> "WeaviateTarget":
    """Returns the target that keeps an embedding in a Weaviate server."""
    from ..projections.weaviate.connection import Server
    from ..projections.weaviate.target import WeaviateTarget

    build, source = embedding.build, gate.assets[embedding.options.source].contract
    return WeaviateTarget(
        asset=embedding.key,
        server=Server(f"weaviate:{embedding.key}", options, load_secret, gate.settings.home.projections / "weaviate"),
        embedding=build.options,
        columns=tuple(SchemaColumn(name=column.name, type=column.type) for column in source.columns),
        split=partial(_split, gate, build) if build.options.chunk else None,
        golden=partial(golden_vectors, gate, build),
        say=gate.say,
    )


def _split(gate: Gate, build: EmbeddingBuild, text: str) -> list[str]:
    chunk = build.options.chunk
    assert chunk is not None
    return gate.judges.open_declared(build).split(text, chunk.tokens, chunk.overlap)


def local_folder(home: Home) -> Path:
    """Returns where the files of all local targets are."""
    return home.projections / "local"


def local_target(home: Home, asset: AssetKey, options: EmbeddingOptions) -> LocalTarget:
    """Returns the target that keeps an embedding in files of the home."""
    return LocalTarget(asset, options, local_folder(home))


def _settings(options: EmbeddingOptions, projected: Projected) -> str:
    said = options.model_dump(mode="json", include={"key", "source", "text", "title", "show"})
    # Folders of an older format are made anew by whatever brings targets up next.
    written = [FORMAT] if isinstance(projected, LocalVectors) else []
    return sha256_of([said, projected.model_dump(mode="json"), *written])[:16]
