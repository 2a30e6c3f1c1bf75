"""A lake with a table of things and their embedding, published below the gate, for tests of what serves vectors."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from lake.publishing import close, publish

from orchestrator_platform.lake.layout import LakeLayout
from orchestrator_platform.lake.published import PublishedCut, cut_published
from orchestrator_platform.records.candidates import AssetKind, ParentRead, SchemaColumn
from orchestrator_platform.records.embeddings import EmbeddingOptions
from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.records.receipts import Head

SOURCE, ASSET = AssetKey("marts.things"), AssetKey("embeddings.things")
OPTIONS = EmbeddingOptions(
    source=SOURCE, key=("id",), text="{title}. {body}", title="title", show=("severity", "listed", "seen", "tags")
)
COLUMNS = tuple(
    SchemaColumn(name=name, type=type_)
    for name, type_ in (
        ("id", "VARCHAR"),
        ("title", "VARCHAR"),
        ("body", "VARCHAR"),
        ("severity", "DOUBLE"),
        ("listed", "BOOLEAN"),
        ("seen", "DATE"),
        ("tags", "VARCHAR[]"),
    )
)
DIM = 16
_TOPICS = ("gateway", "parser", "kernel", "browser", "printer")


@dataclass(frozen=True)
class Thing:
    id: str
    title: str
    body: str
    severity: float | None = 1.0
    listed: bool = False

    @property
    def text(self) -> str:
        return f"{self.title}. {self.body}"


def things(n_things: int, changed: int = 0) -> list[Thing]:
    """Returns things whose texts differ; the first `changed` ones say something else than usual."""
    return [
        Thing(
            f"T-{i:05}",
            f"Thing {i}",
            f"A flaw in the {_TOPICS[i % len(_TOPICS)]}, number {i}" + (" again" if i < changed else ""),
            None if i % 7 == 0 else float(i % 10),
            i % 3 == 0,
        )
        for i in range(n_things)
    ]


def vector_of(text: str) -> np.ndarray:
    """Returns a made unit vector, float32: texts on one topic are near to each other."""
    topic = next((i for i, name in enumerate(_TOPICS) if name in text), len(_TOPICS))
    seed = int.from_bytes(sha256(text.encode()).digest()[:8])
    vector = np.random.default_rng(topic).normal(size=DIM) + np.random.default_rng(seed).normal(size=DIM) * 0.5
    return (vector / np.linalg.norm(vector)).astype(np.float32)


@dataclass(frozen=True)
class EmbeddedLake:
    root: Path

    @property
    def cut(self) -> PublishedCut:
        return cut_published(LakeLayout(self.root / "lake"), 5)

    @property
    def head(self) -> Head:
        return self.cut.heads[ASSET]

    def publish(
        self, rows: list[Thing], embedder: str = "e" * 16, vectors: Mapping[str, np.ndarray] | None = None
    ) -> Head:
        """Publishes the things and their embedding made from them, in one snapshot; returns the embedding's head."""
        things = close(self.root, SOURCE, _source_sql(self.root, rows), key=("id",))
        read = ParentRead(
            asset=SOURCE, version=things.base_version, data_version=things.data_version, candidate=things.id
        )
        made = close(self.root, ASSET, _embedding_sql(self.root, rows, embedder, vectors or {}), key=("id", "chunk"))
        embedding = made.model_copy(update={"parents": (read,), "kind": AssetKind.EMBEDDING})
        publish(self.root, things, embedding)
        return self.head


def _source_sql(root: Path, rows: list[Thing]) -> str:
    told = [
        {
            "id": thing.id,
            "title": thing.title,
            "body": thing.body,
            "severity": thing.severity,
            "listed": thing.listed,
            "seen": f"2024-05-{1 + int(thing.id[2:]) % 28:02}",
            "tags": ["a", f"t{int(thing.id[2:]) % 4}"],
        }
        for thing in rows
    ]
    types = ", ".join(f"'{column.name}': '{column.type}'" for column in COLUMNS)
    return f"SELECT * FROM read_json('{_write(root, told)}', format = 'newline_delimited', columns = {{{types}}})"


def _embedding_sql(root: Path, rows: list[Thing], embedder: str, vectors: Mapping[str, np.ndarray]) -> str:
    told = [
        {
            "id": thing.id,
            "chunk": 0,
            "text_hash": sha256(thing.text.encode()).hexdigest(),
            "source_hash": sha256(thing.text.encode()).hexdigest(),
            "embedder": embedder,
            "n_tokens": len(thing.text.split()),
            "truncated": False,
            "vector": vectors.get(thing.id, vector_of(thing.text)).tolist(),
        }
        for thing in rows
        if thing.text.strip()
    ]
    columns = (
        "{id: 'VARCHAR', chunk: 'INTEGER', text_hash: 'VARCHAR', source_hash: 'VARCHAR', embedder: 'VARCHAR',"
        " n_tokens: 'INTEGER', truncated: 'BOOLEAN', vector: 'FLOAT[]'}"
    )
    return f"SELECT * FROM read_json('{_write(root, told)}', format = 'newline_delimited', columns = {columns})"


def _write(root: Path, rows: list[dict[str, object]]) -> Path:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    file = root / f"rows-{sha256(text.encode()).hexdigest()[:12]}.ndjson"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file
