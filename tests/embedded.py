"""A table of advisories and an embedding of it, published by the writer alone, with vectors made of their words."""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hashed_embedder import HashedEmbedder, identity_of

from orchestrator_platform.gate.candidate import Draft, close_candidate
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.gate.workbench import Workbench
from orchestrator_platform.lake.layout import LakeLayout
from orchestrator_platform.lake.published import PublishedCut, cut_published
from orchestrator_platform.learning.prepared_text import TEXT, prepared_texts
from orchestrator_platform.records.candidates import AssetKind, Manifest, ParentRead
from orchestrator_platform.records.contracts import Column, Contract
from orchestrator_platform.records.declarations import AssetDeclaration, EmbeddingBuild, PythonBuild
from orchestrator_platform.records.embeddings import EmbeddingOptions
from orchestrator_platform.records.keys import AgentName, AssetKey, CandidateId, Version

sys.path.insert(0, str(Path(__file__).parent / "lake"))
import publishing  # isort: skip

SOURCE, EMBEDDING = AssetKey("marts.advisory"), AssetKey("embeddings.advisory")
OPTIONS = EmbeddingOptions(source=SOURCE, key=("id",), text="{title}. {body}", title="title", show=("vendor", "score"))
ADVISORIES = (
    ("A-1", "Remote code execution in a VPN gateway", "An unauthenticated attacker runs commands.", "acme", 9.8),
    ("A-2", "Cross-site scripting in a forum", "A script is stored in a post.", "forumsoft", 5.4),
    ("A-3", "Buffer overflow in an image parser", "A crafted image overwrites memory.", "pixel", 7.8),
    ("A-4", "SQL injection in a shop", "The search field reaches the database.", "shoply", 8.1),
    ("A-5", "Weak password hashing", "Passwords are hashed without a salt.", "acme", 6.5),
    ("A-6", None, None, "silent", 1.0),
)
IDENTITY = identity_of()


def cut_of(root: Path) -> PublishedCut:
    return cut_published(LakeLayout(root / "lake"), 5)


def publish_advisories(root: Path, rows: Sequence[tuple[Any, ...]] = ADVISORIES) -> None:
    """Publishes the table: id, title, body, vendor, score."""
    values = ", ".join(f"({', '.join(_sql(value) for value in row)})" for row in rows)
    sql = (
        "SELECT id::VARCHAR AS id, title::VARCHAR AS title, body::VARCHAR AS body, vendor::VARCHAR AS vendor,"
        f" score::DOUBLE AS score FROM (VALUES {values}) AS t(id, title, body, vendor, score)"
    )
    publishing.publish(root, publishing.close(root, SOURCE, sql))


def publish_embedding(
    root: Path, options: EmbeddingOptions = OPTIONS, embedder: HashedEmbedder | None = None, asset: AssetKey = EMBEDDING
) -> None:
    """Embeds what the source serves now and publishes that."""
    cut, embedder = cut_of(root), embedder or HashedEmbedder()
    keys = ", ".join(f'"{name}"' for name in options.key)
    with cut.connect() as reading:
        texts = reading.execute(
            f"SELECT {keys}, {TEXT}, source_hash FROM {prepared_texts(options, f'lake.{options.source.quoted}')}"
            f" ORDER BY {keys}"
        ).fetchall()
    rows = []
    for *key, text, source_hash in texts:
        pieces = embedder.split(text, options.chunk.tokens, options.chunk.overlap) if options.chunk else [text]
        for number, piece in enumerate(pieces):
            (batch,) = embedder.embed([piece])
            hashed = hashlib.sha256(piece.encode()).hexdigest()
            rows.append((*key, number, hashed, source_hash, embedder.identity.hash(), 1, False, batch.vectors[0]))
    publishing.publish(root, _close(root, cut, options, rows, asset))


def _close(
    root: Path, cut: PublishedCut, options: EmbeddingOptions, rows: Sequence[tuple[Any, ...]], asset: AssetKey
) -> Manifest:
    folder = root / f"bench-{next(publishing._numbers)}"
    folder.mkdir(parents=True)
    source = cut.heads[options.source]
    keys = ", ".join(f'"{name}"' for name in options.key)
    with Workbench(folder, cut).connect(asset) as connection:
        connection.execute(
            f"CREATE TABLE made AS SELECT {keys}, 0::INTEGER AS chunk, ''::VARCHAR AS text_hash, ''::VARCHAR AS"
            " source_hash, ''::VARCHAR AS embedder, 0::INTEGER AS n_tokens, false AS truncated,"
            f" [0.0]::FLOAT[] AS vector FROM lake.{options.source.quoted} LIMIT 0"
        )
        for row in rows:
            connection.execute(
                f"INSERT INTO made VALUES ({', '.join('?' for _ in row)})", [*row[:-1], row[-1].tolist()]
            )
        read = ParentRead(asset=options.source, version=source.version, data_version=source.data_version)
        draft = Draft(
            asset=asset, kind=AssetKind.EMBEDDING, relation="made", key=(*options.key, "chunk"), parents=(read,),
            fingerprint=f"f{next(publishing._numbers)}", code_version="code", contract_hash="contract",
            producer=AgentName("producer"), reason="a test",
        )  # fmt: skip
        closed = close_candidate(
            connection, draft, cut.heads.get(asset), root / "candidates",
            candidate_id=CandidateId(f"c{next(publishing._numbers)}"), now=publishing.NOW,
        )  # fmt: skip
    return closed.manifest


def _sql(value: object) -> str:
    return "NULL" if value is None else f"'{value}'" if isinstance(value, str) else str(value)


def declare_embedding(gate: Gate, options: EmbeddingOptions = OPTIONS) -> Gate:
    """Returns the gate of a project that declares the embedding, too."""
    declaration = AssetDeclaration(
        key=EMBEDDING,
        kind=AssetKind.EMBEDDING,
        contract=Contract(asset=EMBEDDING, columns=(), grain=(*options.key, "chunk")),
        parents=(options.source,),
        code_version="code",
        build=EmbeddingBuild(options, IDENTITY, gate.settings.project.root),
        producer=AgentName("maker"),
        auditor=AgentName("judge"),
        group="embeddings",
    )
    columns = ("id", "VARCHAR"), ("title", "VARCHAR"), ("body", "VARCHAR"), ("vendor", "VARCHAR"), ("score", "DOUBLE")
    source = replace(
        declaration,
        key=SOURCE,
        kind=AssetKind.TABLE,
        contract=Contract(asset=SOURCE, columns=tuple(Column(name=n, type=t) for n, t in columns), grain=("id",)),
        parents=(),
        build=PythonBuild(gate.settings.project.root / "none.py", "none"),
    )
    return replace(gate, assets={**gate.assets, SOURCE: source, EMBEDDING: declaration})


def version_of(root: Path, asset: AssetKey = EMBEDDING) -> Version:
    return cut_of(root).heads[asset].version
