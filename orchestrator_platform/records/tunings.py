"""What settings of an index cost and give on an embedding's own vectors. Knows no server."""

from collections.abc import Sequence

from .base import Record
from .embeddings import IndexSettings
from .keys import AssetKey, Version


class Measured(Record):
    """One setting. Seconds are wall time, latencies those of one question at a time over the network, memory is
    worked out from the settings: vectors as they are kept, and the graph's links.
    """

    settings: IndexSettings
    recall: float
    p50_ms: float
    p95_ms: float
    import_seconds: float
    memory_bytes: int


class Tuning(Record):
    """All that was measured. `k` is how many answers count; `n_vectors` may be fewer than the embedding has."""

    asset: AssetKey
    version: Version
    n_vectors: int
    dim: int
    n_questions: int
    k: int
    min_recall: float
    current: IndexSettings
    measured: tuple[Measured, ...]

    @property
    def front(self) -> tuple[Measured, ...]:
        """Those than which no other is better in recall, latency and memory together, quickest first."""
        best = [one for one in self.measured if not any(_beats(other, one) for other in self.measured)]
        return tuple(sorted(best, key=lambda one: (one.p95_ms, -one.recall)))

    @property
    def proposed(self) -> Measured | None:
        """The quickest on the front that finds enough; `None` where none does."""
        return next((one for one in self.front if one.recall >= self.min_recall), None)


def _beats(one: Measured, other: Measured) -> bool:
    as_good = one.recall >= other.recall and one.p95_ms <= other.p95_ms and one.memory_bytes <= other.memory_bytes
    better = one.recall > other.recall or one.p95_ms < other.p95_ms or one.memory_bytes < other.memory_bytes
    return as_good and better


def grid(
    efs: Sequence[int], constructions: Sequence[int], connections: Sequence[int], quantizations: Sequence[str]
) -> tuple[IndexSettings, ...]:
    """Returns all combinations; those that differ in `ef` alone follow each other, because they share an import."""
    return tuple(
        IndexSettings.model_validate(
            {"ef": ef, "ef_construction": construction, "max_connections": links, "quantization": quantization}
        )
        for quantization in quantizations
        for construction in constructions
        for links in connections
        for ef in efs
    )


def memory_of(settings: IndexSettings, n_vectors: int, dim: int) -> int:
    """Returns about how many bytes the index takes: the vectors as they are kept, and eight bytes for each link, of
    which the lowest layer has twice as many as the others.
    """
    bits = {"none": 32.0, "rq": 8.0, "sq": 8.0, "pq": 32.0 / 24, "bq": 1.0}[settings.quantization]
    links = 8 * 2 * (settings.max_connections or 32)
    return int(n_vectors * (dim * bits / 8 + links))
