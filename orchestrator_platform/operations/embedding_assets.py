"""Declares embeddings: what a component says, held against the contract of the table whose texts are embedded."""

from collections.abc import Mapping
from pathlib import Path

from ..learning.embedders import Embedders
from ..records.base import sha256_of
from ..records.candidates import AssetKind
from ..records.contracts import Column, Contract, Relation, RowsPromise
from ..records.declarations import AssetDeclaration, EmbeddingBuild, FreeCheck
from ..records.embeddings import (
    CHUNK,
    EMBEDDER,
    N_TOKENS,
    SOURCE_HASH,
    TEXT_HASH,
    TRUNCATED,
    VECTOR,
    EmbeddingOptions,
)
from ..records.keys import AssetKey
from ..transforming.tables_read import tables_read
from .component_files import ComponentFile, EmbeddingAttributes
from .table_read import TableRead, table_read, wrong

_OWN_TYPES = (
    (CHUNK, "INTEGER", "Which piece of the text, from 0."),
    (TEXT_HASH, "VARCHAR", "sha256 of the piece."),
    (SOURCE_HASH, "VARCHAR", "sha256 of the whole prepared text."),
    (EMBEDDER, "VARCHAR", "Identity of the embedder; vectors of different ones are not comparable."),
    (N_TOKENS, "INTEGER", "What the piece counts in the embedder's tokens, before it was cut."),
    (TRUNCATED, "BOOLEAN", "Whether the embedder cut it."),
    (VECTOR, "FLOAT[]", "The vector, of unit length."),
)


def declare_embedding(
    component: ComponentFile,
    attributes: EmbeddingAttributes,
    declared: Mapping[AssetKey, AssetDeclaration],
    checks: tuple[FreeCheck, ...],
    embedders: Embedders,
) -> AssetDeclaration:
    """Returns the embedding of one component. What its golden queries read are parents too: it is judged by them.

    Raises:
        DefinitionError: The source is not declared, the key is not its grain, or a column is not among its columns.
    """
    options = attributes.options()
    source = table_read(component, "source", options.source, declared)
    source.require_grain(options.key)
    for attribute, names in (
        ("text", options.text_columns),
        ("title", (options.title,) if options.title else ()),
        ("show", options.show),
    ):
        source.require_columns(attribute, names)
    identity = embedders.identify(options.embedder, component.folder)
    return AssetDeclaration(
        key=attributes.asset,
        kind=AssetKind.EMBEDDING,
        contract=_contract(component, attributes.asset, options, source),
        parents=(options.source, *sorted(_golden_reads(component, options, declared) - {options.source})),
        code_version=sha256_of(
            {
                "source": options.source,
                "key": options.key,
                "text": options.template,
                "chunk": options.chunk.model_dump() if options.chunk else None,
                "embedder": identity.hash(),
            }
        ),
        build=EmbeddingBuild(options, identity, component.folder),
        group=attributes.asset.schema,
        description=attributes.description,
        origin=component.origin,
        checks=checks,
        kinds=("embedding", "ducklake"),
        declared_in=(component.folder,),
        drift=attributes.drift,
        freshness=attributes.freshness,
    )


def judged_by(declaration: AssetDeclaration) -> list[list[object]]:
    """Returns what an embedding is judged by besides its contract: its golden queries and their limits."""
    build = declaration.build
    if not isinstance(build, EmbeddingBuild) or build.options.golden is None:
        return []
    golden = build.options.golden
    text = (build.folder / golden.file).read_bytes().hex()
    return [["golden", golden.model_dump(mode="json"), sha256_of(text)]]


def _contract(component: ComponentFile, asset: AssetKey, options: EmbeddingOptions, source: TableRead) -> Contract:
    own = (Column(name=name, type=type_, nullable=False, description=said) for name, type_, said in _OWN_TYPES)
    return Contract(
        asset=asset,
        columns=(*source.key_columns(options.key), *own),
        grain=(*options.key, CHUNK),
        rows=RowsPromise(relation=Relation.SUBSET_OF, parent=options.source, on=options.key),
        closed=True,
        origin=component.origin,
    )


def _golden_reads(
    component: ComponentFile, options: EmbeddingOptions, declared: Mapping[AssetKey, AssetDeclaration]
) -> frozenset[AssetKey]:
    if options.golden is None:
        return frozenset()
    file: Path = component.folder / options.golden.file
    try:
        sql = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise wrong(
            component, "golden", f"{options.golden.file} cannot be read ({error})", "Write it beside this file."
        ) from error
    return tables_read(sql, declared)
