"""Embeds texts with sentence-transformers. Runs in an environment of its own and uses nothing of the project.

Run as `python embed_texts.py MODEL_FOLDER TEXTS_JSON VECTORS_NPY`.
"""

import json
import sys
import time
from pathlib import Path


def main(folder: str, texts_file: str, vectors_file: str) -> None:
    import numpy as np
    from sentence_transformers import SentenceTransformer

    texts = json.loads(Path(texts_file).read_text(encoding="utf-8"))
    model = SentenceTransformer(folder, device="cpu")
    model.encode(texts[:32])
    wall, cpu = time.perf_counter(), time.process_time()
    vectors = model.encode(texts, batch_size=32, normalize_embeddings=True)
    said = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    np.save(vectors_file, vectors)
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
