"""What a folder of a local index says of itself, and whether that is so. Knows neither how it is made nor asked."""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import ConfigDict

from ..records.base import Record, sha256_of
from ..records.candidates import SchemaColumn
from ..records.embeddings import EmbeddingOptions
from ..records.keys import AssetKey, Version
from .made_from import Made
from .sealed_files import Depth, FileSeal, find_change, seal_files

FORMAT = 3
META, ROWS_FILE, IN_USE = "index.json", "rows.duckdb", "in_use"
VECTORS, STARTS, POSTED, WEIGHTS = "vectors.npy", "starts.npy", "posted.npy", "weights.npy"
WORDS, BOUNDS, STOP_WORDS = "words.npy", "bounds.npy", "stop_words.txt"
SHOWN, SHOWN_ENDS = "shown.jsonl", "shown_ends.npy"


class IndexMeta(Record):
    """What a folder holds. `n_rows` are the source's rows that have a text, `n_vectors` theirs, one for each chunk.

    `columns` are those of the source; `source_version` is missing where the rows that the embedding was made from
    were not kept. `has_shown` says whether what results show lies in a file of its own. `seals` are those of the
    files, by name, and `sealed` is the hash of everything else here.
    """

    format: int = 0
    asset: AssetKey
    data_version: str
    embedder: str
    dim: int
    n_vectors: int
    n_rows: int
    source: AssetKey
    source_version: Version | None
    key: tuple[str, ...]
    title: str | None
    show: tuple[str, ...]
    columns: tuple[SchemaColumn, ...]
    has_shown: bool = False
    seals: Mapping[str, FileSeal] = {}
    sealed: str = ""


class _Written(Record):
    """What every format says."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int


def index_name(made: Made, options: EmbeddingOptions) -> str:
    """Returns the folder's name: equal for what answers alike, so that going back to a version finds its folder."""
    said = options.model_dump(mode="json", include={"key", "source", "text", "title", "show"})
    parents = [parent.model_dump(mode="json") for parent in made.receipt.parents]
    return sha256_of([FORMAT, made.receipt.data_version, parents, made.source_version, said])[:16]


def seal_folder(folder: Path, meta: IndexMeta) -> IndexMeta:
    """Writes what a folder holds, with the seals of its files; as this comes last, half of a folder is none."""
    sealed = meta.model_copy(update={"format": FORMAT, "seals": seal_files(folder, _files_of(folder))})
    sealed = sealed.model_copy(update={"sealed": _hash(sealed)})
    partial = (folder / META).with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as opened:
        opened.write(sealed.model_dump_json())
        opened.flush()
        os.fsync(opened.fileno())
    partial.replace(folder / META)
    return sealed


def _files_of(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name not in {META, IN_USE}]


def read_meta(folder: Path) -> IndexMeta | None:
    """Returns what a folder says that it holds; `None` where it is none, damaged, or of another format."""
    try:
        meta = IndexMeta.model_validate_json((folder / META).read_bytes())
    except (OSError, ValueError):
        return None
    return meta if meta.format == FORMAT and meta.sealed == _hash(meta) else None


def find_damage(folder: Path, depth: Depth) -> str | None:
    """Returns why a folder cannot answer, as a predicate of it; `None` where it can."""
    meta = read_meta(folder)
    if meta is not None:
        changed = find_change(folder, meta.seals, depth)
        return f"is damaged: {changed}" if changed else None
    try:
        written = _Written.model_validate_json((folder / META).read_bytes())
    except FileNotFoundError:
        return "is missing"
    except (OSError, ValueError):
        return f"is damaged: {META} cannot be read"
    if written.format != FORMAT:
        return f"was written in format {written.format}, and {FORMAT} is read"
    return f"is damaged: {META} is not what was written"


def _hash(meta: IndexMeta) -> str:
    return sha256_of(meta.model_dump(mode="json", exclude={"sealed"}))
