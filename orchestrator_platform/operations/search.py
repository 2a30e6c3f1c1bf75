"""Answers questions to embeddings: the use case behind `orchestrator search` and `Platform.search`.

What answers is the version that the lake says serves, or any kept one that is asked for; its folder is made where it
is not there.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from threading import RLock
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import Misuse, StatementRefused, TargetFailed
from ..gate.context import Gate
from ..lake.published import PublishedCut
from ..lake.readers import latest_snapshot
from ..projections.local_search import LocalIndex
from ..projections.local_vectors import LocalTarget
from ..projections.made_from import Made, find_made
from ..projections.serving import target_lock
from ..records.declarations import EmbeddingBuild
from ..records.keys import AssetKey, Version
from ..records.searches import Backend, Condition, Found, Question, SearchMode
from ..transforming.condition_check import check_condition
from .declared_embeddings import DeclaredEmbedding, declared_embeddings
from .search_weaviate import WeaviateSearcher
from .targets import local_target

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..learning.embedder import Embedder
    from ..projections.weaviate.notes import Held

LONGEST_QUESTION = 20_000
_ATTEMPTS = 3
_CHECKED_CONDITIONS = 100
_SAID = {str: "a text", int: "a whole number", NoneType: "left out", list: "a list", tuple: "a tuple"}
_HOW_TO_DECLARE = "An EmbeddingComponent declares one."

Choice = TypeVar("Choice", SearchMode, Backend)
OpenEmbedder = Callable[[EmbeddingBuild], "Embedder"]


class Searcher:
    """Answers questions, one at a time, and keeps open between them what the next one will need."""

    def __init__(self, gate: Gate, open_embedder: OpenEmbedder) -> None:
        self._gate, self._open_embedder = gate, open_embedder
        self._embedders: dict[str, Embedder] = {}
        self._indexes: dict[AssetKey, tuple[Made, LocalIndex]] = {}
        self._cut: PublishedCut | None = None
        self._servers: dict[AssetKey, WeaviateSearcher] = {}
        self._checked: set[str] = set()
        self._lock = RLock()

    def search(
        self,
        text: str,
        *,
        asset: str | None = None,
        mode: str = SearchMode.HYBRID,
        where: str | None = None,
        values: Sequence[Any] = (),
        k: int = 10,
        version: int | None = None,
        backend: str = Backend.LOCAL,
    ) -> Found:
        """Returns the rows that answer best, best first, from the version that serves or another kept one.

        Args:
            asset: The embedding; may be left out where the project declares only one.
            mode: `hybrid`, `vector` (by meaning) or `text` (by words).
            where: A condition on the columns of the source table, with `?` for the values that are bound to it.
            values: Those values.
            k: At most so many rows.
            version: A kept version instead of the one that serves.
            backend: `local`, the files of the home, or `weaviate`, the server that the embedding is projected to.

        Raises:
            Misuse: The question cannot be asked, or nothing is there that could answer it; the message says which.
            UnknownVersion: The embedding has no such version.
            VersionNotKept: The version's rows are not in the lake any more.
            TargetFailed: What is published could not be made searchable.
        """
        _require(str, text=text)
        _require(int, k=k)
        _require((str, NoneType), asset=asset, where=where)
        _require((int, NoneType), version=version)
        _require((list, tuple), values=values)
        asked, way = _checked_question(text, k), _chosen(SearchMode, "way of searching", mode)
        with self._lock:
            condition = self._condition(where, values)
            embedding = self._embedding(asset, _chosen(Backend, "backend", backend))
            if backend == Backend.WEAVIATE:
                wanted = Version(version) if version is not None else None
                return self._ask_server(embedding, Question(asked, way, k, None, condition), wanted)
            ahead = self._ahead(embedding.build, asked) if way is not SearchMode.TEXT else None
            made, index, is_served = self._index(embedding, version)
            if condition is not None:
                # It gets ready while the question is embedded.
                index.conditions.start()
            vector = self._vector(embedding.build, made, index, ahead) if ahead is not None else None
            hits = index.search(Question(asked, way, k, vector, condition))
        meta = index.meta
        return Found(
            asset=embedding.key,
            version=made.receipt.version,
            source=meta.source,
            source_version=meta.source_version,
            is_served=is_served,
            mode=way,
            hits=hits,
            key_columns=meta.key,
        )

    def close(self) -> None:
        """Lets go of everything; the next question opens it anew."""
        with self._lock:
            for _, index in self._indexes.values():
                index.close()
            self._indexes.clear()
            for server in self._servers.values():
                server.close()
            self._servers.clear()

    def _ask_server(self, embedding: DeclaredEmbedding, question: Question, version: Version | None) -> Found:
        def embed(held: "Held") -> "npt.NDArray[np.float32] | None":
            if question.mode is SearchMode.TEXT or not held.n_objects:
                return None
            self._require_embedder(embedding.build, embedding.key, held.version, held.embedder)
            return self._embedded(embedding.build, question.text)

        if embedding.key not in self._servers:
            self._servers[embedding.key] = WeaviateSearcher(self._gate, embedding)
        return self._servers[embedding.key].search(question, embed, self._newest_cut(), version)

    def _embedding(self, asset: str | None, backend: Backend) -> DeclaredEmbedding:
        declared = declared_embeddings(self._gate.assets)
        listed = ", ".join(declared) or "none"
        if asset is None and len(declared) == 1:
            asset = next(iter(declared))
        if asset is None:
            which = "declares several embeddings: name one with --asset" if declared else "declares no embedding"
            raise Misuse(f"The project {which}. Nothing was searched. Known: {listed}. {_HOW_TO_DECLARE}")
        found = next((embedding for key, embedding in declared.items() if key == asset), None)
        if found is None:
            raise Misuse(f"{asset!r} is no embedding of the project. Nothing was searched. Known: {listed}.")
        if backend is Backend.LOCAL and not found.is_kept_in_files:
            raise Misuse(
                f"{asset} has no local projection. Nothing was searched. Add one to its component:"
                " `projections: [{kind: local}]`."
            )
        return found

    def _index(self, embedding: DeclaredEmbedding, version: int | None) -> tuple[Made, LocalIndex, bool]:
        cut = self._newest_cut()
        key, head = embedding.key, cut.heads.get(embedding.key)
        if head is None:
            raise Misuse(f"{key} was never published. Nothing was searched. Build it: `orchestrator build {key}`.")
        if version is None and head.withdrawn:
            raise Misuse(
                f"{key} was rolled back and serves nothing. Nothing was searched. A kept version can be asked for:"
                f" `orchestrator history {key}`, then --version."
            )
        wanted = head.version if version is None else Version(version)
        is_served = wanted == head.version and not head.withdrawn
        kept = self._indexes.get(key)
        if kept is not None and kept[0].receipt.version == wanted and kept[1].watched.are_untouched():
            return *kept, is_served
        made = find_made(cut, key, wanted, embedding.options.source)
        target = local_target(self._gate.settings.home, key, embedding.options)
        index = self._opened(target, made, cut)
        if kept is not None:
            kept[1].close()
        self._indexes[key] = (made, index)
        return made, index, is_served

    def _opened(self, target: LocalTarget, made: Made, cut: PublishedCut) -> LocalIndex:
        """A folder that is missing, or damaged, is made out of the lake."""
        settings = self._gate.settings
        for _ in range(_ATTEMPTS):
            with suppress(FileNotFoundError, TargetFailed):
                return target.open(made, settings.searching)
            self._gate.say(f"preparing {target.asset} version {made.receipt.version} for search")
            with target_lock(settings.home.projections, target.name, settings.lock_timeout_seconds):
                target.make(made, cut)
        # Whatever it is this time, it is told.
        return target.open(made, settings.searching)

    def _newest_cut(self) -> PublishedCut:
        gate = self._gate
        if self._cut is None or latest_snapshot(gate.layout.readers) != self._cut.snapshot:
            self._cut = gate.cut_for_readers()
        return self._cut

    def _vector(
        self,
        build: EmbeddingBuild,
        made: Made,
        index: LocalIndex,
        ahead: "Callable[[], npt.NDArray[np.float32]]",
    ) -> "npt.NDArray[np.float32] | None":
        meta = index.meta
        if not meta.n_rows:
            return None
        self._require_embedder(build, meta.asset, made.receipt.version, meta.embedder)
        return ahead()

    def _require_embedder(self, build: EmbeddingBuild, asset: AssetKey, version: Version, embedder: str) -> None:
        identity = build.identity.hash()
        if identity != embedder:
            raise Misuse(
                f"{asset} version {version} was made by embedder {embedder}, the project"
                f" declares {identity}, and vectors of two embedders do not compare. Nothing was searched. Search by"
                f" words, --mode text, or build it anew: `orchestrator build {asset}`."
            )

    def _embedded(self, build: EmbeddingBuild, text: str) -> "npt.NDArray[np.float32]":
        identity = build.identity.hash()
        if identity not in self._embedders:
            self._embedders[identity] = self._open_embedder(build)
        (batch,) = self._embedders[identity].embed([text])
        vector: npt.NDArray[np.float32] = batch.vectors[0]
        return vector

    def _ahead(self, build: EmbeddingBuild, text: str) -> "Callable[[], npt.NDArray[np.float32]]":
        """Returns what gives the question's vector. An engine that is not loaded yet is, while the folder is opened; an
        endpoint is asked for nothing that may not be needed.
        """
        if build.identity.hash() in self._embedders or build.options.embedder.kind == "http":
            return partial(self._embedded, build, text)
        loading = ThreadPoolExecutor(1)
        vector = loading.submit(self._embedded, build, text)
        loading.shutdown(wait=False)
        return vector.result

    def _condition(self, where: str | None, values: Sequence[Any]) -> Condition | None:
        for value in values:
            _require_unicode("A value of the condition", value)
        if where is None:
            if values:
                raise Misuse("Values were given without a condition to bind them to. Nothing was searched.")
            return None
        if where not in self._checked:
            try:
                check_condition(where, "the condition")
            except StatementRefused as error:
                raise Misuse(
                    f"The condition cannot be used: {error.why}. Nothing was searched. Write one expression over the"
                    " columns of the source table, such as \"score > 7 AND vendor = 'acme'\"."
                ) from error
            if len(self._checked) >= _CHECKED_CONDITIONS:
                self._checked.clear()
            self._checked.add(where)
        return Condition(where, tuple(values))


def open_searcher(gate: Gate) -> Searcher:
    """Returns what answers questions to a project's embeddings, with the embedders that the project declares."""
    return Searcher(gate, gate.embedders.open_declared)


def _require(wanted: type | tuple[type, ...], **given: object) -> None:
    """Says of arguments that are no such thing which they are; a truth value is no number."""
    for name, value in given.items():
        if not isinstance(value, wanted) or isinstance(value, bool):
            known = " or ".join(_SAID[each] for each in (wanted if isinstance(wanted, tuple) else (wanted,)))
            raise Misuse(f"`{name}` is {known}, not {type(value).__name__}. Nothing was searched.")


def _chosen(known: type[Choice], what: str, said: str) -> Choice:
    try:
        return known(said)
    except (ValueError, TypeError) as error:
        raise Misuse(f"There is no {what} {said!r}. Nothing was searched. Known: {', '.join(known)}.") from error


def _require_unicode(what: str, value: object) -> None:
    try:
        str(value).encode("utf-8")
    except UnicodeEncodeError as error:
        raise Misuse(
            f"{what} is not valid text: what stands at position {error.start + 1} is no character."
            " Nothing was searched. Write it in UTF-8."
        ) from error


def _checked_question(text: str, k: int) -> str:
    """The question without what is no text."""
    if k < 1:
        raise Misuse(f"{k} answers were asked for. Nothing was searched. Ask for at least one.")
    if len(text) > LONGEST_QUESTION:
        raise Misuse(
            f"The question has {len(text):,} characters. Nothing was searched. Ask with at most {LONGEST_QUESTION:,}."
        )
    _require_unicode("The question", text)
    asked = " ".join(text.replace("\x00", " ").split())
    if not any(character.isalnum() for character in asked):
        raise Misuse("The question has no word in it. Nothing was searched. Ask with at least one.")
    return asked
