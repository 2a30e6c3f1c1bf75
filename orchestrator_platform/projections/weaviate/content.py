"""What the objects of a collection should be, read from the lake: rows of an embedding with their source's columns,
both at the snapshots that belong together.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any
from uuid import UUID, uuid5

import duckdb
import numpy as np
from numpy.typing import NDArray

from ...errors import UnknownVersion, VersionNotKept
from ...lake.history import read_receipt
from ...lake.published import PublishedCut
from ...lake.readers import attach_statement
from ...learning.prepared_text import TEXT as PREPARED
from ...learning.prepared_text import hash_text, prepared_texts
from ...records.embeddings import CHUNK as CHUNK_COLUMN
from ...records.embeddings import EMBEDDER, TEXT_HASH, VECTOR, EmbeddingOptions
from ...records.keys import AssetKey, Snapshot
from ...records.receipts import Head
from ...sql import identifier
from ..made_from import Made, find_made
from .notes import Held
from .schema import CHUNK, DIGEST, KEY, TEXT, CollectionPlan

_NAMESPACE = UUID("6f0d3d0c-6d37-5d0a-9a55-6b3c1f7a2c11")
_ROWS_AT_A_TIME = 4096

Split = Callable[[str], Sequence[str]]


@dataclass(frozen=True)
class Content:
    """A version of an embedding as it can be read: relations that can stand after FROM, on `connection`."""

    held: Held
    embedding: str
    source: str
    connection: duckdb.DuckDBPyConnection = field(repr=False)


@dataclass(frozen=True)
class Objects:
    """Some objects: ids, properties and vectors, float32, shape (n, dim), in one order."""

    ids: list[UUID]
    properties: list[dict[str, Any]]
    vectors: NDArray[np.float32]


def content_of_head(cut: PublishedCut, head: Head, source: AssetKey) -> Content:
    """Returns the served content of an embedding."""
    return _content(cut, find_made(cut, head.asset, head.version, source), source)


def content_of_version(cut: PublishedCut, held: Held, asset: AssetKey) -> Content | None:
    """Returns an earlier content, `None` where the lake does not hold it any more, or holds another one by now."""
    try:
        found = _content(cut, find_made(cut, asset, held.version, held.source), held.source)
    except (VersionNotKept, UnknownVersion):
        return None
    return found if found.held.is_content_of(held) else None


def _content(cut: PublishedCut, made: Made, source: AssetKey) -> Content:
    connection = cut.connect()
    receipt = made.receipt
    made_from = read_receipt(connection, source, made.source_version) if made.source_version is not None else None
    embedding = _relation(cut, connection, receipt.asset, made.snapshot)
    embedders = connection.execute(f"SELECT DISTINCT {EMBEDDER} FROM {embedding} ORDER BY 1").fetchall()
    held = Held(
        version=receipt.version,
        data_version=receipt.data_version,
        source=source,
        source_version=made.source_version,
        source_data_version=made_from.data_version if made_from is not None else "",
        embedder=" ".join(row[0] for row in embedders),
        n_objects=receipt.n_rows,
    )
    return Content(held, embedding, _relation(cut, connection, source, made.source_snapshot), connection)


def _relation(cut: PublishedCut, connection: duckdb.DuckDBPyConnection, asset: AssetKey, snapshot: Snapshot) -> str:
    if snapshot == cut.snapshot:
        return f"lake.{asset.quoted}"
    alias = f"at_{snapshot}"
    connection.execute(attach_statement(cut.layout, snapshot, alias=alias))
    return f"{alias}.{asset.quoted}"


def key_sql(embedding: EmbeddingOptions, alias: str) -> str:
    """Returns the SQL of a row's key as canonical JSON."""
    return f"to_json([{', '.join(f'{alias}.{identifier(name)}::VARCHAR' for name in embedding.key)}])::VARCHAR"


def object_id(asset: AssetKey, key: str, chunk: int) -> UUID:
    """Returns the id of a row's object: the same one on any server, for ever. `key` is canonical JSON."""
    return uuid5(_NAMESPACE, f"{asset}\n{key}\n{chunk}")


def read_objects(
    content: Content, plan: CollectionPlan, embedding: EmbeddingOptions, split: Split | None = None
) -> Iterator[Objects]:
    """Yields all objects, some thousands at a time."""
    return _objects(content.connection, rows_sql(content, plan, embedding), plan, split)


@dataclass(frozen=True, eq=False)
class Vectors:
    """All vectors of a content, float32, shape (n, dim), with the key and chunk of each."""

    asset: AssetKey
    keys: list[str]
    chunks: list[int]
    vectors: NDArray[np.float32]

    def id_of(self, place: int) -> UUID:
        return object_id(self.asset, self.keys[place], self.chunks[place])


def read_vectors(content: Content, asset: AssetKey, embedding: EmbeddingOptions) -> Vectors:
    """Returns the vectors alone: what an index is compared with."""
    keys: list[str] = []
    chunks: list[int] = []
    blocks = []
    reader = content.connection.execute(
        f"SELECT {key_sql(embedding, 'e')}, e.{CHUNK_COLUMN}::INTEGER, e.{VECTOR} FROM {content.embedding} AS e"
    ).to_arrow_reader(_ROWS_AT_A_TIME)
    for batch in reader:
        if batch.num_rows:
            keys += batch.column(0).to_pylist()
            chunks += batch.column(1).to_pylist()
            blocks.append(_matrix(batch.column(2), batch.num_rows))
    vectors = np.concatenate(blocks) if blocks else np.empty((0, 0), dtype=np.float32)
    return Vectors(asset, keys, chunks, vectors)


def vectors_of(asset: AssetKey, objects: Sequence[Objects]) -> Vectors:
    """Returns the vectors of these objects."""
    properties = [each for some in objects for each in some.properties]
    vectors = np.concatenate([some.vectors for some in objects]) if objects else np.empty((0, 0), dtype=np.float32)
    return Vectors(asset, [each[KEY] for each in properties], [each[CHUNK] for each in properties], vectors)


def first_objects(chunks: Iterator[Objects], n_objects: int) -> Iterator[Objects]:
    """Yields no more than so many of them."""
    for objects in chunks:
        if n_objects <= 0:
            return
        yield Objects(objects.ids[:n_objects], objects.properties[:n_objects], objects.vectors[:n_objects])
        n_objects -= len(objects.ids)


def read_change(
    before: Content, after: Content, plan: CollectionPlan, embedding: EmbeddingOptions, split: Split | None = None
) -> tuple[int, list[UUID], Callable[[], Iterator[Objects]]]:
    """Returns how many objects differ, the ids of those that go, and a way to read those that come or change."""
    connection = after.connection
    was, now = (rows_sql(content, plan, embedding) for content in (before, after))
    # Both snapshots are attached to the one database behind all connections of a cut.
    connection.execute(f"CREATE OR REPLACE TEMP TABLE _was AS {was}")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE _now AS {now}")
    names = ["_text", VECTOR, *(f"_p{i}" for i in range(len(plan.properties)))]
    same = " AND ".join(f"n.{name} IS NOT DISTINCT FROM w.{name}" for name in names)
    on = "n._key = w._key AND n._chunk = w._chunk"
    gone = connection.execute(f"SELECT _key, _chunk FROM _was AS w ANTI JOIN _now AS n ON {on}").fetchall()
    changed = f"_now AS n ANTI JOIN _was AS w ON {on} AND {same}"
    counted = connection.execute(f"SELECT count(*) FROM {changed}").fetchone()
    n_changed = (counted[0] if counted else 0) + len(gone)
    ids = [object_id(plan.asset, *row) for row in gone]
    return n_changed, ids, lambda: _objects(connection, f"SELECT n.* FROM {changed}", plan, split)


def rows_sql(content: Content, plan: CollectionPlan, embedding: EmbeddingOptions) -> str:
    """Returns the query of all rows: `_key`, `_chunk`, `_hash`, `_text`, the vector and `_p0`, `_p1`, …"""
    using = ", ".join(identifier(name) for name in embedding.key)
    key = key_sql(embedding, "e")
    properties = "".join(f", {item.sql} AS _p{i}" for i, item in enumerate(plan.properties))
    return (
        f"SELECT {key} AS _key, e.{CHUNK_COLUMN}::INTEGER AS _chunk, e.{TEXT_HASH} AS _hash,"
        f" coalesce(t.{PREPARED}, '') AS _text, e.{VECTOR} AS {VECTOR}{properties}"
        f" FROM {content.embedding} AS e LEFT JOIN {content.source} AS s USING ({using})"
        f" LEFT JOIN {prepared_texts(embedding, content.source)} AS t USING ({using})"
    )


def _objects(
    connection: duckdb.DuckDBPyConnection, sql: str, plan: CollectionPlan, split: Split | None
) -> Iterator[Objects]:
    names = [item.name for item in plan.properties]
    reader = connection.execute(sql).to_arrow_reader(_ROWS_AT_A_TIME)
    for batch in reader:
        if batch.num_rows:
            keys, chunks, hashes, texts = (batch.column(i).to_pylist() for i in range(4))
            vectors = _matrix(batch.column(4), batch.num_rows)
            columns = [batch.column(5 + i).to_pylist() for i in range(len(names))]
            rows = zip(*columns, strict=True) if columns else [()] * batch.num_rows
            properties = [
                {KEY: key, CHUNK: chunk, TEXT: _piece(text, hash_, chunk, split), **_given(names, row)}
                for key, chunk, hash_, text, row in zip(keys, chunks, hashes, texts, rows, strict=True)
            ]
            for each, vector in zip(properties, vectors, strict=True):
                each[DIGEST] = digest(each, vector)
            ids = [object_id(plan.asset, key, chunk) for key, chunk in zip(keys, chunks, strict=True)]
            yield Objects(ids, properties, vectors)


def _given(names: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    return {name: value for name, value in zip(names, row, strict=True) if value is not None}


def _piece(text: str, text_hash: str, chunk: int, split: Split | None) -> str:
    """The text of one chunk; the whole text where it is the only one, or nobody can say how it was cut."""
    if split is None or hash_text(text) == text_hash:
        return text
    pieces = split(text)
    return pieces[chunk] if chunk < len(pieces) else text


def _matrix(column: Any, n_rows: int) -> NDArray[np.float32]:
    flat = np.asarray(column.flatten(), dtype=np.float32)
    dim, rest = divmod(len(flat), n_rows)
    if rest or len(set(column.value_lengths().to_pylist())) > 1:
        raise ValueError(f"the vectors of the published embedding are not all of one length, such as {dim}")
    return flat.reshape(n_rows, dim)


def digest(properties: dict[str, Any], vector: NDArray[np.float32]) -> str:
    """Returns a hash of all that an object holds, besides the version that brought it."""
    told = json.dumps(properties, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return blake2b(told + vector.tobytes(), digest_size=16).hexdigest()
