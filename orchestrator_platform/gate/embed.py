"""Builds an embedding in the workbench: what stands is reused in SQL, what was ever embedded is recalled, and only
the rest goes to the embedder.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import duckdb

from ..errors import EmbeddingFailed, OrchestratorError
from ..learning.embedder import Embedder
from ..learning.kept_vectors import SEGMENT_TEXTS, KeptVectors, embed_and_keep
from ..learning.prepared_text import TEXT, prepared_texts
from ..records.declarations import AssetDeclaration, EmbeddingBuild
from ..records.embedders import EmbeddingCost
from ..records.embeddings import (
    CHUNK,
    EMBEDDER,
    N_TOKENS,
    OWN_COLUMNS,
    RESERVED,
    SOURCE_HASH,
    TEXT_HASH,
    TRUNCATED,
    VECTOR,
    Chunking,
    EmbeddingCounts,
    EmbeddingOptions,
)
from ..records.keys import AssetKey
from ..sql import identifier, literal

# Texts are held in memory so many at a time, and no more than so many characters of them.
_SLAB_TEXTS, _SLAB_CHARACTERS = 16_384, 64_000_000
# Past this share of rows embedded anew one fresh file is smaller and quicker to read than a delta.
_WHOLE_ABOVE = 0.5
_TEXTS, _REUSED, _WANTED, _SPLIT, _PIECES = "_texts", "_reused", "_wanted", "_split_texts", "_pieces"
_PARTS = f"{RESERVED}parts"
_MISSING, _EMBEDDED, _GONE = "_missing", "_embedded", "_gone"


@dataclass(frozen=True)
class EmbeddingStage:
    """What a build of one embedding works with.

    `base` is the served version as what can stand after FROM, where its rows were made by the code in force; the
    embedder is opened only when there is a text for it.
    """

    connection: duckdb.DuckDBPyConnection
    declaration: AssetDeclaration
    source: str
    base: str | None
    kept: KeptVectors
    open_embedder: Callable[[], Embedder]
    say: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic

    @property
    def asset(self) -> AssetKey:
        return self.declaration.key

    @property
    def build(self) -> EmbeddingBuild:
        assert isinstance(self.declaration.build, EmbeddingBuild)
        return self.declaration.build

    @property
    def options(self) -> EmbeddingOptions:
        return self.build.options


@dataclass(frozen=True)
class BuiltEmbedding:
    """`relation` is the whole next version; if only some of it is new, `part` is that and `gone` the keys that go."""

    relation: str
    counts: EmbeddingCounts
    key: tuple[str, ...] = ()
    part: str | None = None
    gone: str | None = None


def build_embedding(stage: EmbeddingStage, seed: Callable[[], None]) -> BuiltEmbedding:
    """Returns what was built; its relations live as long as the connection.

    Args:
        seed: Fills the kept vectors where nothing was kept yet; called only when there is a text to look up.

    Raises:
        OrchestratorError: The embedder failed. What was embedded before is kept.
    """
    began = stage.clock()
    embedder = _Once(stage)
    _find_wanted(stage)
    _cut_into_pieces(stage, embedder)
    n_pieces = _count(stage, _PIECES)
    if n_pieces:
        seed()
    embedded = _embed_missing(stage, embedder)
    _recall(stage)
    n_without = n_pieces - _count(stage, _EMBEDDED)
    if n_without:
        problem = f"gave no vector, or one of another length, for {n_without} texts of {stage.asset}"
        raise EmbeddingFailed(embedder=stage.build.identity.name, problem=problem)
    return _result(stage, embedder, embedded, stage.clock() - began)


def _find_wanted(stage: EmbeddingStage) -> None:
    """Tells rows whose vectors stand from those to be embedded, by the hash of the prepared text."""
    run, keys = stage.connection.execute, _listed(stage.options.key)
    texts = prepared_texts(stage.options, stage.source)
    run(f"CREATE TEMP TABLE {_TEXTS} AS SELECT {keys}, {SOURCE_HASH} FROM {texts}")
    if stage.base is None:
        run(f"CREATE TEMP TABLE {_REUSED} AS SELECT {keys} FROM {_TEXTS} LIMIT 0")
    else:
        run(
            f"CREATE TEMP TABLE {_REUSED} AS SELECT {_listed(stage.options.key, 't')} FROM {_TEXTS} AS t SEMI JOIN"
            f" (FROM {stage.base} WHERE {EMBEDDER} = {literal(stage.build.identity.hash())}) AS b"
            f" ON {_matched(stage.options.key, 't', 'b')} AND t.{SOURCE_HASH} = b.{SOURCE_HASH}"
        )
    run(f"CREATE TEMP TABLE {_WANTED} AS FROM {_TEXTS} ANTI JOIN {_REUSED} USING ({keys})")


def _cut_into_pieces(stage: EmbeddingStage, embedder: "_Once") -> None:
    run, keys, chunk = stage.connection.execute, _listed(stage.options.key), stage.options.chunk
    wanted = (
        f"(SELECT t.* FROM {prepared_texts(stage.options, stage.source)} AS t SEMI JOIN {_WANTED} AS w"
        f" ON {_matched(stage.options.key, 't', 'w')})"
    )
    if chunk is None or not _count(stage, _WANTED):
        one = f"SELECT {keys}, 0::INTEGER AS {CHUNK}, {SOURCE_HASH} AS {TEXT_HASH}, {SOURCE_HASH}, {TEXT} FROM {wanted}"
        run(f"CREATE TEMP TABLE {_PIECES} AS {one}")
        return

    _split_texts(stage, embedder, wanted, chunk)
    run(
        f"CREATE TEMP TABLE {_PIECES} AS SELECT {keys}, {CHUNK}, sha256({TEXT}) AS {TEXT_HASH}, {SOURCE_HASH}, {TEXT}"
        f" FROM (SELECT {keys}, {SOURCE_HASH}, unnest({_PARTS}) AS {TEXT},"
        f" (generate_subscripts({_PARTS}, 1) - 1)::INTEGER AS {CHUNK} FROM {_SPLIT})"
    )


def _split_texts(stage: EmbeddingStage, embedder: "_Once", wanted: str, chunk: Chunking) -> None:
    failed: list[OrchestratorError] = []

    def split(text: str) -> list[str]:
        try:
            return embedder.opened().split(text, chunk.tokens, chunk.overlap)
        except OrchestratorError as error:
            failed.append(error)
            raise

    stage.connection.create_function("_split", split, ["VARCHAR"], "VARCHAR[]")
    try:
        stage.connection.execute(f"CREATE TEMP TABLE {_SPLIT} AS SELECT *, _split({TEXT}) AS {_PARTS} FROM {wanted}")
    except duckdb.Error as error:
        # DuckDB hands on the text of an error alone.
        raise failed[0] if failed else error from error


def _embed_missing(stage: EmbeddingStage, embedder: "_Once") -> int:
    """Embeds what was never embedded, in slabs of texts of about one length; returns how many texts that were."""
    run = stage.connection.execute
    with stage.kept.lock:
        run(
            f"CREATE TEMP TABLE {_MISSING} AS SELECT {TEXT_HASH}, any_value({TEXT}) AS {TEXT} FROM {_PIECES}"
            f" ANTI JOIN (SELECT {TEXT_HASH} FROM {stage.kept.relation()}) USING ({TEXT_HASH}) GROUP BY {TEXT_HASH}"
        )
    n_texts = _count(stage, _MISSING)
    progress = _Progress(stage, n_texts)
    slabs = run(
        f"SELECT list({TEXT_HASH} ORDER BY place) FROM (SELECT {TEXT_HASH}, place,"
        f" (place - 1) // {_SLAB_TEXTS} + so_far // {_SLAB_CHARACTERS} AS slab FROM (SELECT {TEXT_HASH},"
        f" row_number() OVER w AS place, sum(length({TEXT})) OVER w AS so_far"
        f" FROM {_MISSING} WINDOW w AS (ORDER BY length({TEXT}), {TEXT_HASH} ROWS UNBOUNDED PRECEDING)))"
        " GROUP BY slab ORDER BY slab"
    ).fetchall()
    for (hashes,) in slabs:
        found = dict(run(f"SELECT {TEXT_HASH}, {TEXT} FROM {_MISSING} SEMI JOIN (SELECT unnest(?) AS {TEXT_HASH})"
                         f" USING ({TEXT_HASH})", [hashes]).fetchall())  # fmt: skip
        texts = [found[text_hash] for text_hash in hashes]
        embed_and_keep(stage.kept, embedder.opened(), hashes, texts, progress.advance)
    return n_texts


def _recall(stage: EmbeddingStage) -> None:
    """Gives every piece its vector, out of what is kept."""
    identity, keys = stage.build.identity, _listed(stage.options.key, "p")
    with stage.kept.lock:
        found = (
            f"(SELECT DISTINCT ON ({TEXT_HASH}) * FROM {stage.kept.relation()} SEMI JOIN {_PIECES} USING ({TEXT_HASH})"
            f" WHERE len({VECTOR}) = {identity.dim})"
        )
        stage.connection.execute(
            f"CREATE TEMP TABLE {_EMBEDDED} AS SELECT {keys}, p.{CHUNK}, p.{TEXT_HASH}, p.{SOURCE_HASH},"
            f" {literal(identity.hash())} AS {EMBEDDER}, k.{N_TOKENS}, k.{TRUNCATED}, k.{VECTOR}"
            f" FROM {_PIECES} AS p JOIN {found} AS k USING ({TEXT_HASH}) ORDER BY {keys}, p.{CHUNK}"
        )
        stage.kept.tidy(stage.connection)


def _result(stage: EmbeddingStage, embedder: "_Once", embedded: int, seconds: float) -> BuiltEmbedding:
    keys = _listed(stage.options.key)
    names = _listed((*stage.options.key, *OWN_COLUMNS))
    relation, n_removed = _EMBEDDED, 0
    if stage.base is not None:
        stage.connection.execute(
            f"CREATE TEMP TABLE {_GONE} AS SELECT DISTINCT {keys} FROM {stage.base} ANTI JOIN {_REUSED} USING ({keys})"
        )
        n_removed = _count(stage, f"(FROM {_GONE} ANTI JOIN {_TEXTS} USING ({keys}))")
        relation = (
            f"(SELECT {names} FROM {stage.base} SEMI JOIN {_REUSED} USING ({keys})"
            f" UNION ALL SELECT {names} FROM {_EMBEDDED})"
        )
    n_texts = _count(stage, _TEXTS)
    cost = embedder.cost()
    counts = EmbeddingCounts(
        embedded=embedded,
        recalled=_count(stage, f"(SELECT DISTINCT {TEXT_HASH} FROM {_PIECES})") - embedded,
        reused=_count(stage, _REUSED),
        removed=n_removed,
        truncated=_count(stage, f"{relation} WHERE {TRUNCATED}"),
        empty=_count(stage, stage.source) - n_texts,
        seconds=round(seconds, 2),
        n_requests=cost.n_requests,
        n_retries=cost.n_retries,
        n_tokens=cost.n_tokens,
    )
    if stage.base is None or _count(stage, _WANTED) > _WHOLE_ABOVE * n_texts:
        return BuiltEmbedding(relation, counts)
    return BuiltEmbedding(relation, counts, stage.options.key, part=_EMBEDDED, gone=_GONE)


@dataclass
class _Once:
    """The embedder, opened when the first text asks for it; it may have worked for others before."""

    stage: EmbeddingStage
    _open: Embedder | None = None
    _before: EmbeddingCost = field(default_factory=EmbeddingCost)

    def opened(self) -> Embedder:
        if self._open is None:
            self.stage.say(f"opening the embedder of {self.stage.asset}")
            self._open = self.stage.open_embedder()
            self._before = self._open.cost
        return self._open

    def cost(self) -> EmbeddingCost:
        return self._open.cost.since(self._before) if self._open else EmbeddingCost()


@dataclass
class _Progress:
    """Says how far it has come, once per so many texts."""

    stage: EmbeddingStage
    n_texts: int
    _began: float = field(init=False)
    _done: int = 0
    _said: int = 0

    def __post_init__(self) -> None:
        self._began = self.stage.clock()

    def advance(self, n_done: int) -> None:
        self._done += n_done
        if self._done - self._said < SEGMENT_TEXTS and self._done < self.n_texts:
            return
        self._said = self._done
        rate = self._done / max(self.stage.clock() - self._began, 1e-3)
        left = (self.n_texts - self._done) / rate
        self.stage.say(
            f"embedding {self.stage.asset}: {self._done:,} of {self.n_texts:,} texts,"
            f" {rate:,.0f} texts/s, {left:,.0f} s left"
        )


def _listed(names: Sequence[str], alias: str = "") -> str:
    return ", ".join(f"{alias}.{identifier(name)}" if alias else identifier(name) for name in names)


def _matched(keys: Sequence[str], one: str, other: str) -> str:
    return " AND ".join(f"{one}.{identifier(name)} = {other}.{identifier(name)}" for name in keys)


def _count(stage: EmbeddingStage, relation: str) -> int:
    row = stage.connection.execute(f"SELECT count(*) FROM {relation}").fetchone()
    assert row is not None
    return int(row[0])
