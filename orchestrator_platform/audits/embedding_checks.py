"""What every embedding is audited for: that its vectors are vectors, of one embedder, and one for each text.

Everything is derived from the candidate and the source; texts are embedded anew by an embedder of the auditor's own.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from ..learning.embedder import Embedder
from ..learning.prepared_text import TEXT, prepared_texts
from ..records.contracts import Contract
from ..records.declarations import EmbeddingBuild
from ..records.embeddings import (
    CHUNK,
    EMBEDDER,
    SOURCE_HASH,
    TEXT_HASH,
    TRUNCATED,
    VECTOR,
    EmbeddingOptions,
)
from ..records.findings import SAMPLE_LIMIT, Finding, Severity
from ..sql import literal
from .candidate_view import CandidateView
from .masking import mask_rows
from .vector_blocks import KeyColumns, key_columns, vector_blocks

VECTORS, ONE_EMBEDDER, COVERAGE = "vectors", "one_embedder", "coverage"
OF_THEIR_TEXTS, TEXTS = "vectors_of_their_texts", "texts"
CHECKS = (VECTORS, ONE_EMBEDDER, COVERAGE, OF_THEIR_TEXTS, TEXTS)
# What failed one of these has vectors that nobody should use again.
OF_VECTORS = frozenset({VECTORS, ONE_EMBEDDER, COVERAGE, OF_THEIR_TEXTS})
# A text embedded twice by one embedder gives one vector; an endpoint may round differently from call to call.
_UNIT_WITHIN = 1e-3
_MOST_TRUNCATED = 0.1


@dataclass(frozen=True)
class EmbeddingView:
    """An embedding as its auditor sees it, with its source and an embedder of the auditor's own."""

    view: CandidateView
    contract: Contract
    build: EmbeddingBuild
    open_embedder: Callable[[], Embedder]

    @property
    def options(self) -> EmbeddingOptions:
        return self.build.options

    @cached_property
    def key(self) -> KeyColumns:
        return key_columns(self.contract, self.options.key)

    @cached_property
    def embedder(self) -> Embedder:
        return self.open_embedder()

    @property
    def source(self) -> str:
        return self.view.relations[self.options.source]

    @cached_property
    def texts(self) -> str:
        """The prepared texts of the source with their hashes, by key; materialized, since several checks read them."""
        self.view.connection.execute(
            f"CREATE OR REPLACE TEMP TABLE _texts AS FROM {prepared_texts(self.options, self.source)}"
        )
        return "_texts"

    def count(self, relation: str) -> int:
        row = self.view.connection.execute(f"SELECT count(*) FROM {relation}").fetchone()
        assert row is not None
        return int(row[0])

    def finding(
        self,
        check: str,
        n_failing: int,
        message: str,
        *,
        failing: str = "",
        measured: float | None = None,
        limit: float = 0,
        severity: Severity = Severity.ERROR,
    ) -> Finding:
        """Returns a finding that fails where a row does; `failing` selects the keys of such rows."""
        sample: tuple[dict[str, object], ...] = ()
        if n_failing and failing:
            cursor = self.view.connection.execute(f"SELECT * FROM {failing} LIMIT {SAMPLE_LIMIT}")
            names = [column[0] for column in cursor.description or []]
            sample = mask_rows([dict(zip(names, row, strict=True)) for row in cursor.fetchall()], self.contract)
        return Finding(
            asset=self.view.asset,
            check=check,
            passed=n_failing == 0,
            severity=severity,
            measured=n_failing if measured is None else measured,
            limit=limit,
            n_failing=n_failing,
            sample=sample,
            message=message,
        )


def check_vectors(seen: EmbeddingView) -> Iterator[Finding]:
    """Every vector has the embedder's dimension, finite numbers and unit length."""
    import numpy as np

    dim, following = seen.build.identity.dim, seen.view.next
    n_other = seen.count(f"{following} WHERE len({VECTOR}) IS DISTINCT FROM {dim}")
    n_infinite, n_long, furthest = 0, 0, 0.0
    wrong: list[int] = []
    for block in vector_blocks(seen.view.connection, following, seen.key, dim):
        lengths = np.sqrt(np.einsum("ij,ij->i", block.vectors, block.vectors, dtype=np.float64))
        finite = np.isfinite(lengths)
        off = np.abs(lengths - 1)
        long = finite & (off > _UNIT_WITHIN)
        n_infinite, n_long = n_infinite + int((~finite).sum()), n_long + int(long.sum())
        furthest = max(furthest, float(off[finite].max(initial=0)))
        wrong += [int(i) for i in block.ids[~finite | long][: SAMPLE_LIMIT - len(wrong)]]
    said = [
        f"{number} {what}"
        for number, what in (
            (n_other, f"vectors do not have {dim} numbers"),
            (n_infinite, "hold a number that is not finite"),
            (n_long, f"are not of unit length (off by up to {furthest:.3g})"),
        )
        if number
    ]
    listed = f"(SELECT {seen.key.listed}, {CHUNK} FROM {following} WHERE len({VECTOR}) <> {dim}"
    listed += f" OR {seen.key.id} IN ({', '.join(map(str, wrong)) or 'NULL'}))"
    told = "; ".join(said) or f"all vectors have {dim} finite numbers and unit length"
    yield seen.finding(VECTORS, n_other + n_infinite + n_long, told, failing=listed)


def check_one_embedder(seen: EmbeddingView) -> Iterator[Finding]:
    """Every row says that the declared embedder made it."""
    declared = seen.build.identity.hash()
    others = (
        f"(SELECT {seen.key.listed}, {CHUNK}, {EMBEDDER} FROM {seen.view.next} WHERE {EMBEDDER} <> {literal(declared)})"
    )
    n_others = seen.count(others)
    name = f"{seen.build.identity.name} ({declared})"
    message = f"{n_others} rows are of another embedder than {name}" if n_others else f"all rows are of {name}"
    yield seen.finding(ONE_EMBEDDER, n_others, message, failing=others)


def check_coverage(seen: EmbeddingView) -> Iterator[Finding]:
    """Each row of the source that has a text has exactly the vectors of that text, and no other row has any."""
    wrong = _wrong_coverage(seen)
    counted = [(seen.count(relation), what, relation) for what, relation in wrong]
    failing = [(number, what, relation) for number, what, relation in counted if number]
    n_texts = seen.count(seen.texts)
    message = "; ".join(f"{number} {what}" for number, what, _ in failing)
    yield seen.finding(
        COVERAGE,
        sum(number for number, _, _ in failing),
        message or f"each of {n_texts} texts has its vectors, and nothing else has any",
        failing=failing[0][2] if failing else "",
    )


def _wrong_coverage(seen: EmbeddingView) -> list[tuple[str, str]]:
    """What is wrong, and a relation of the keys of which it is; disjoint, so that they add up."""
    keys, whole = seen.key.listed, f"{TEXT_HASH} = {SOURCE_HASH}" if seen.options.chunk is None else "true"
    seen.view.connection.execute(
        f"CREATE OR REPLACE TEMP TABLE _found AS SELECT {keys}, count(*) AS __n, count(DISTINCT {CHUNK}) AS __chunks,"
        f" min({CHUNK}) AS __first, max({CHUNK}) AS __last, min({SOURCE_HASH}) AS __least,"
        f" max({SOURCE_HASH}) AS __most, bool_and({whole}) AS __whole FROM {seen.view.next} GROUP BY ALL"
    )
    both = f"{seen.texts} AS t JOIN _found AS f ON {seen.key.matched('t', 'f')}"
    listed = seen.key.of("t")
    stale = f"(t.{SOURCE_HASH} <> f.__least OR t.{SOURCE_HASH} <> f.__most)"
    most = "" if seen.options.chunk else " OR f.__n <> 1"
    pieces = f"(f.__n <> f.__chunks OR f.__first <> 0 OR f.__last <> f.__n - 1 OR NOT f.__whole{most})"
    wrong = [
        ("rows of the source have no vector", f"(SELECT {keys} FROM {seen.texts} ANTI JOIN _found USING ({keys}))"),
        ("rows are of nothing that has a text", f"(SELECT {keys} FROM _found ANTI JOIN {seen.texts} USING ({keys}))"),
        ("rows are of another text than the source has now", f"(SELECT {listed} FROM {both} WHERE {stale})"),
        ("rows do not have one vector for each piece", f"(SELECT {listed} FROM {both} WHERE NOT {stale} AND {pieces})"),
    ]
    if seen.options.chunk is not None:
        wrong.append(("rows are cut into other pieces than they should be", _other_pieces(seen)))
    return wrong


def _other_pieces(seen: EmbeddingView) -> str:
    """Texts of changed rows whose pieces, cut anew, are not those that have vectors."""
    receipt, chunk = seen.view.base_receipt, seen.options.chunk
    assert chunk is not None
    same_code = receipt is not None and receipt.code_version == seen.view.manifest.code_version
    keys, connection = seen.key.listed, seen.view.connection
    changed = seen.view.delta if same_code else seen.view.next
    connection.execute("CREATE OR REPLACE TEMP TABLE _pieces (__id UBIGINT, __chunk INTEGER, __text VARCHAR)")
    wanted = f"(FROM {seen.texts} SEMI JOIN {changed} USING ({keys}))"
    for start in range(0, seen.count(wanted), 1_000):
        rows = connection.execute(
            f"SELECT {seen.key.id}, {TEXT} FROM {wanted} ORDER BY {keys} LIMIT 1000 OFFSET {start}"
        ).fetchall()
        pieces = [
            (i, number, piece)
            for i, text in rows
            for number, piece in enumerate(seen.embedder.split(text, chunk.tokens, chunk.overlap))
        ]
        connection.execute(
            "INSERT INTO _pieces SELECT unnest(?::UBIGINT[]), unnest(?::INTEGER[]), unnest(?::VARCHAR[])",
            [list(column) for column in zip(*pieces, strict=True)],
        )
    found = f"(SELECT n.*, {seen.key.id} AS __id FROM {seen.view.next} AS n SEMI JOIN {changed} USING ({keys}))"
    return (
        f"(SELECT DISTINCT {seen.key.of('f')} FROM {found} AS f"
        f" LEFT JOIN _pieces AS p ON f.__id = p.__id AND f.{CHUNK} = p.__chunk"
        f" WHERE p.__id IS NULL OR sha256(p.__text) <> f.{TEXT_HASH})"
    )


def check_texts(seen: EmbeddingView) -> Iterator[Finding]:
    """Counts what is new and what is gone; warns where many texts are cut."""
    following, base, keys = seen.view.next, seen.view.base, seen.key.listed
    n_pieces, n_cut = seen.count(following), seen.count(f"{following} WHERE {TRUNCATED}")
    n_same = n_gone = 0
    if base is not None:
        n_same = seen.count(f"{following} AS n SEMI JOIN {base} AS b USING ({keys}, {CHUNK}, {TEXT_HASH}, {EMBEDDER})")
        n_gone = seen.count(f"(SELECT DISTINCT {keys} FROM {base} ANTI JOIN {following} USING ({keys}))")
    n_empty = seen.count(seen.source) - seen.count(seen.texts)
    share = n_cut / n_pieces if n_pieces else 0.0
    message = (
        f"{n_pieces - n_same} new, {n_same} as before, {n_gone} rows gone, {n_cut} cut, {n_empty} rows without text"
    )
    many = share > _MOST_TRUNCATED
    if many:
        message += "; cut texts are found by their beginning alone: say `chunk:` in the component"
    yield seen.finding(
        TEXTS, n_cut if many else 0, message, measured=round(share, 4), limit=_MOST_TRUNCATED, severity=Severity.WARN
    )
