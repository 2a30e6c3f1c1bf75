"""How far vectors moved from the published version, and how many tell nothing apart. Warns, or asks a person."""

from collections.abc import Iterator

from ..learning.nearest import Block, share_of_near_duplicates
from ..records.embeddings import CHUNK, EMBEDDER
from ..records.findings import Finding, Severity
from ..sql import literal
from .embedding_checks import EmbeddingView
from .vector_blocks import mean_vector, vector_blocks

DRIFT_VECTORS, NEAR_DUPLICATES = "drift_vectors", "near_duplicates"
CHECKS = (DRIFT_VECTORS, NEAR_DUPLICATES)
# Cosine distance between the means of the vectors; days of the shipped feed move it by less than a thousandth of this.
_MOST_MOVED = 0.05
_NEAR, _PROBES, _MOST_NEAR = 0.99, 256, 0.4


def check_drift_of_vectors(seen: EmbeddingView, severity: Severity) -> Iterator[Finding]:
    """The mean of the vectors points where it pointed; without a published version of this embedder it passes."""
    import numpy as np

    dim, base = seen.build.identity.dim, seen.view.base
    connection = seen.view.connection
    moved = 0.0
    comparable = f"(FROM {base} WHERE {EMBEDDER} = {literal(seen.build.identity.hash())})" if base else ""
    if comparable and seen.count(f"{comparable} LIMIT 1"):
        means = [
            mean_vector(vector_blocks(connection, relation, seen.key, dim), dim)
            for relation in (comparable, seen.view.next)
        ]
        lengths = [float(np.linalg.norm(mean)) for mean in means]
        moved = 1 - float(means[0] @ means[1]) / (lengths[0] * lengths[1]) if all(lengths) else 1.0
    too_far = moved > _MOST_MOVED
    yield seen.finding(
        DRIFT_VECTORS,
        int(too_far),
        f"the mean of the vectors moved by {moved:.4f} (cosine distance)"
        if moved
        else "no drift from the published version",
        measured=round(moved, 4),
        limit=_MOST_MOVED,
        severity=severity,
    )


def check_near_duplicates(seen: EmbeddingView) -> Iterator[Finding]:
    """Few texts have another text's vector: where many do, the embedder tells them not apart."""
    connection, dim = seen.view.connection, seen.build.identity.dim
    picked = f"(FROM {seen.view.next} ORDER BY hash({seen.key.id}, {CHUNK}) LIMIT {_PROBES})"
    probes = _joined(list(vector_blocks(connection, picked, seen.key, dim)), dim)
    blocks = vector_blocks(connection, seen.view.next, seen.key, dim)
    share = share_of_near_duplicates(blocks, probes, _NEAR)
    many = share > _MOST_NEAR
    yield seen.finding(
        NEAR_DUPLICATES,
        int(many),
        f"{share:.1%} of {len(probes.ids)} rows are as near as {_NEAR} to a row of another text",
        measured=round(share, 4),
        limit=_MOST_NEAR,
        severity=Severity.WARN,
    )


def _joined(blocks: list[Block], dim: int) -> Block:
    import numpy as np

    if not blocks:
        return Block(np.empty(0, np.uint64), np.empty((0, dim), np.float32), np.empty(0, np.uint64))
    return Block(*(np.concatenate(parts) for parts in zip(*((b.ids, b.vectors, b.texts) for b in blocks), strict=True)))
