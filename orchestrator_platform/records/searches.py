"""A question to an embedding, and what answers it. Knows no index and no server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from .keys import AssetKey, Version

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class SearchMode(StrEnum):
    """VECTOR: by meaning, exact cosine. TEXT: by words, BM25. HYBRID: both, fused."""

    HYBRID = "hybrid"
    VECTOR = "vector"
    TEXT = "text"


class Backend(StrEnum):
    """Who answers: the files of the home, or the Weaviate server that an embedding is projected to."""

    LOCAL = "local"
    WEAVIATE = "weaviate"


@dataclass(frozen=True)
class Condition:
    """A boolean expression over the source table's columns that was found to read nothing else; values are bound."""

    sql: str
    values: Sequence[Any] = ()


@dataclass(frozen=True, eq=False)
class Question:
    """`vector` is the text's, float32, shape (dim,), unit length; without one there is only the mode TEXT."""

    text: str
    mode: SearchMode
    k: int
    vector: "npt.NDArray[np.float32] | None" = None
    condition: Condition | None = None


@dataclass(frozen=True)
class Hit:
    """One row that answers. `score` is what the hits are ordered by: a cosine, a BM25 score, or their fusion.

    `key` holds the values of the key's columns, in their order; `found_by` says which of vector and text found it;
    `show` are the columns that the component lists.
    """

    key: tuple[Any, ...]
    score: float
    found_by: tuple[SearchMode, ...]
    vector_score: float | None = None
    text_score: float | None = None
    title: str | None = None
    show: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """What answers a question, best first.

    `version` is that of the embedding, `source_version` that of the table whose columns are shown and filtered by;
    `is_served` says whether that version is the one that serves now.
    """

    asset: AssetKey
    version: Version
    source: AssetKey
    source_version: Version | None
    is_served: bool
    mode: SearchMode
    hits: tuple[Hit, ...]
    key_columns: tuple[str, ...]
