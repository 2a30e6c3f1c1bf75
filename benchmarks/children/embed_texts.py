"""Embeds texts with the default embedder in one precision; the clock starts with the model loaded.

Run as `python -m benchmarks.children.embed_texts int8|fp32|onnxruntime CACHE TEXTS_JSON VECTORS_NPY`.
"""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_platform.learning.embedder import Embedder
from orchestrator_platform.learning.engines import count_cores, load_engine
from orchestrator_platform.learning.local_embedder import LocalEmbedder, LocalModel
from orchestrator_platform.learning.minilm import MAX_TOKENS, find_minilm, prepare_graph
from orchestrator_platform.learning.open_embedder import open_embedder
from orchestrator_platform.learning.tokens import ModelTokenizer
from orchestrator_platform.records.embedders import EmbedderOptions

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def main(way: str, cache_folder: str, texts_file: str, vectors_file: str) -> None:
    import numpy as np

    texts = json.loads(Path(texts_file).read_text(encoding="utf-8"))
    embedder = _open(way, Path(cache_folder))
    for _ in embedder.embed(texts[:32]):
        pass
    wall, cpu = time.perf_counter(), time.process_time()
    vectors = embed(embedder, texts)
    said = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    np.save(vectors_file, vectors)
    print(json.dumps(said))


def embed(embedder: Embedder, texts: list[str]) -> "npt.NDArray[np.float32]":
    import numpy as np

    vectors = np.zeros((len(texts), embedder.identity.dim), np.float32)
    for batch in embedder.embed(texts):
        vectors[batch.positions] = batch.vectors
    return vectors


def _open(way: str, cache: Path) -> Embedder:
    precision = "int8" if way == "int8" else "fp32"
    embedder = open_embedder(EmbedderOptions(precision=precision), cache=cache, base_folder=cache)
    if way != "onnxruntime":
        return embedder
    folder, identity = find_minilm(), embedder.identity
    return LocalEmbedder(
        LocalModel(
            identity,
            lambda: ModelTokenizer(folder / "tokenizer.json", MAX_TOKENS),
            lambda: load_engine(prepare_graph(identity, folder, cache), n_cores=count_cores(), name="onnxruntime"),
            batch_size=32,
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
