"""A project of texts whose vectors are made: what measures searching and serving has in common.

The vectors say that they are the default embedder's, and are directions that a case draws for each text.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.children.write_rows import AGENTS, write_files
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.learning.embedder import EmbeddedBatch, Embedder
from orchestrator_platform.learning.embedders import Embedders, local_embedders
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.operations.project_assets import load_gate
from orchestrator_platform.records.embedders import EmbedderIdentity, EmbedderOptions, EmbeddingCost
from orchestrator_platform.records.keys import AssetKey

ASSET = AssetKey("embeddings.texts")
# Draws a text's vector, of any length, out of what is random to the text alone.
Draw = Callable[[np.random.Generator, int], Any]
_BATCH = 1_000

_CONTRACT = """
    import pandera.pandas as pa


    class Texts(pa.DataFrameModel):
        id: int
        body: str
        kind: str

        class Config:
            strict = True
            metadata = {"grain": ["id"]}
"""
_FILES = {
    "pyproject.toml": '[tool.orchestrator]\ndefs = "defs"\ndbt_project = "dbt"\nagents = "agents"\n',
    "defs/texts/defs.yaml": (
        "type: orchestrator_platform.components.PythonTableComponent\nattributes:\n  module: tables.py\n"
    ),
    "defs/texts/contract.py": _CONTRACT,
    "defs/vectors/defs.yaml": (
        "type: orchestrator_platform.components.EmbeddingComponent\n"
        "attributes: {asset: embeddings.texts, source: marts.texts, key: [id], text: [body], show: [kind]}\n"
    ),
}


class _MadeVectors:
    def __init__(self, identity: EmbedderIdentity, draw: Draw) -> None:
        self.identity, self.cost, self._draw = identity, EmbeddingCost(), draw

    def embed(self, texts: Sequence[str]) -> Iterator[EmbeddedBatch]:
        for first in range(0, len(texts), _BATCH):
            some = texts[first : first + _BATCH]
            vectors = np.stack([self._vector(text) for text in some])
            places = np.arange(first, first + len(some), dtype=np.int64)
            ones = np.ones(len(some), dtype=np.int64)
            yield EmbeddedBatch(places, vectors, ones, np.zeros(len(some), dtype=np.bool_))

    def split(self, text: str, max_tokens: int, overlap: int) -> list[str]:  # noqa: ARG002
        return [text]

    def _vector(self, text: str) -> Any:
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        vector = np.asarray(self._draw(np.random.default_rng(seed), self.identity.dim))
        return (vector / np.linalg.norm(vector)).astype(np.float32)


def write_project(folder: Path, tables: str) -> None:
    """Writes the project, or its table anew; `tables` is a module with the table `marts.texts`: id, body, kind."""
    write_files(folder, {**_FILES, **AGENTS, "defs/texts/tables.py": tables})


def open_gate(folder: Path, draw: Draw) -> Gate:
    settings = Platform.open(folder / "home", folder).settings
    real = local_embedders(settings.home.cache / "embedders")

    def made(options: EmbedderOptions, base: Path) -> Embedder:
        return _MadeVectors(real.identify(options, base), draw)

    return load_gate(settings, Embedders(real.identify, made))


def publish(gate: Gate) -> None:
    """Builds table and embedding; both must be published."""
    result = build(gate)
    if result.is_no:
        raise SystemExit(f"the benchmark's own embedding was not published: {result}")
