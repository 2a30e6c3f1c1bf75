"""Answers questions out of one folder: exact cosine, BM25, or both fused, on the rows that a condition lets through."""

import fcntl
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import duckdb

from ..errors import Fault, TargetFailed
from ..lake.session import FULL_TEXT, close_off, connect
from ..learning.fusion import DEPTH, Ranked
from ..learning.lexical import text_scores
from ..learning.nearest import best_of_each, cosines, highest
from ..records.searches import Condition, Hit, Question, SearchMode
from ..settings import Searching
from ..sql import identifier, literal
from .condition_rows import ROWS, ConditionRows, rows_of_file
from .index_meta import (
    BOUNDS,
    IN_USE,
    POSTED,
    ROWS_FILE,
    SHOWN,
    SHOWN_ENDS,
    STARTS,
    STOP_WORDS,
    VECTORS,
    WEIGHTS,
    WORDS,
    IndexMeta,
    find_damage,
    read_meta,
)
from .local_index import NUMBER, shown_columns
from .ranked_hits import HitRows, Row, make_hits
from .sealed_files import Depth, WatchedFiles
from .shown_rows import ShownRows
from .word_index import WordIndex

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Integers = npt.NDArray[np.int64]


_LIMITS = Searching()


class _Holding:
    """An open file whose lock tells that a folder is in use; one that is forgotten is let go."""

    def __init__(self, path: Path) -> None:
        self.file = -1
        self.file = os.open(path, os.O_RDONLY)

    def close(self) -> None:
        if self.file >= 0:
            os.close(self.file)
        self.file = -1

    __del__ = close


@dataclass(frozen=True, eq=False)
class LocalIndex:
    """An open folder; close it after use. While it is open nobody removes it.

    `vectors` are float32, shape (n_vectors, dim); `starts` where those of each row begin; `posted` and `weights` the
    rows that hold each word and how much it weighs there, `words` where each lies; `shown` what results show, where it
    is in a file of its own; `conditions` computes them in a process of its own; `watched` are the files that all of it
    is read from.
    """

    folder: Path
    meta: IndexMeta
    vectors: "Floats"
    starts: "Integers"
    posted: "npt.NDArray[np.int32]"
    weights: "Floats"
    words: WordIndex
    shown: ShownRows | None
    conditions: ConditionRows
    watched: WatchedFiles
    holding: _Holding

    @classmethod
    def open(cls, folder: Path, target: str, limits: Searching = _LIMITS) -> Self:
        """Opens a folder; `limits` are those of conditions.

        Raises:
            FileNotFoundError: It is not there, or is being removed.
            TargetFailed: It is damaged.
        """
        holding = _Holding(folder / IN_USE)
        try:
            # The operating system lets go when this process ends, however it ends.
            fcntl.flock(holding.file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return cls._opened(folder, target, limits, holding)
        except BlockingIOError as error:
            holding.close()
            raise FileNotFoundError(folder) from error
        except BaseException:
            holding.close()
            raise

    @classmethod
    def _opened(cls, folder: Path, target: str, limits: Searching, holding: _Holding) -> Self:
        import numpy as np

        def mapped(name: str) -> Any:
            return np.asarray(np.load(folder / name, mmap_mode="r"))

        if not folder.exists():
            raise FileNotFoundError(folder)
        meta = _sound(folder, target, Depth.SIZE)
        watched = WatchedFiles(folder, meta.seals)
        try:
            # Watched first: what is written to while it is looked at is noticed as well.
            _sound(folder, target, Depth.SUMS)
            arrays = (mapped(VECTORS)[: meta.n_vectors], mapped(STARTS), mapped(POSTED), mapped(WEIGHTS))
            stop_words = frozenset((folder / STOP_WORDS).read_text(encoding="utf-8").split())
            words = WordIndex(mapped(WORDS), mapped(BOUNDS), stop_words)
            shown = ShownRows(_bytes_of(folder / SHOWN), mapped(SHOWN_ENDS)) if meta.has_shown else None
            names = [column.name for column in meta.columns]
            conditions = rows_of_file(folder / ROWS_FILE, meta.source, NUMBER, names, limits)
            return cls(folder, meta, *arrays, words, shown, conditions, watched, holding)
        except BaseException as error:
            watched.close()
            if isinstance(error, ValueError | duckdb.Error):
                raise _damaged(target, f"{folder} is damaged: {error}") from error
            raise

    @cached_property
    def rows(self) -> duckdb.DuckDBPyConnection:
        """A connection to the rows, with what stems words; opened when it is first needed."""
        return _open_rows(self.folder / ROWS_FILE)

    def close(self) -> None:
        if "rows" in vars(self):
            self.rows.close()
        self.conditions.close()
        self.watched.close()
        self.holding.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def search(self, question: Question) -> tuple[Hit, ...]:
        """Returns the best rows, best first; at most as many as there are.

        Raises:
            Misuse: The condition names what is no column, cannot be computed, or takes too long or too much memory.
            TargetFailed: Somebody wrote to the files since they were opened, or they cannot be read any more.
        """
        try:
            return self._search(question)
        except (duckdb.IOException, duckdb.InternalException, duckdb.FatalException) as error:
            raise _damaged(self._target, f"{self.folder} is damaged: {str(error).splitlines()[0]}") from error

    def _search(self, question: Question) -> tuple[Hit, ...]:
        if not self.watched.are_untouched():
            raise _damaged(self._target, f"{self.folder} was written to while it was open")
        allowed = self._allowed(question.condition) if question.condition else None
        by_vector = self._by_vector(question, allowed)
        by_text = self._by_text(question, allowed)
        rows = HitRows(self._rows_of, self._key_of, self.meta.title, self.meta.show)
        return make_hits(by_vector, by_text, question.k, rows)

    @property
    def _target(self) -> str:
        return f"local:{self.meta.asset}"

    def _by_vector(self, question: Question, allowed: "npt.NDArray[np.bool_] | None") -> Ranked[int] | None:
        import numpy as np

        if question.mode is SearchMode.TEXT or question.vector is None or not self.meta.n_rows:
            return None
        scores = best_of_each(cosines(self.vectors, question.vector), self.starts)
        seen = scores if allowed is None else np.where(allowed, scores, np.float32(-np.inf))
        places = highest(seen, max(question.k, DEPTH))
        return _ranked(scores, places[np.isfinite(seen[places])])

    def _by_text(self, question: Question, allowed: "npt.NDArray[np.bool_] | None") -> Ranked[int] | None:
        if question.mode is SearchMode.VECTOR or not self.meta.n_rows:
            return None
        spans = self.words.spans(self.rows, question.text)
        scores = text_scores(self.meta.n_rows, self.posted, self.weights, spans)
        if allowed is not None:
            scores *= allowed
        places = highest(scores, max(question.k, DEPTH))
        return _ranked(scores, places[scores[places] > 0])

    def _allowed(self, condition: Condition) -> "npt.NDArray[np.bool_]":
        import numpy as np

        allowed = np.zeros(self.meta.n_rows, dtype=np.bool_)
        try:
            numbers = self.conditions.matching(condition)
        except Fault as error:
            raise _damaged(self._target, f"{self.folder} is damaged: {error}") from error
        allowed[np.asarray(numbers, dtype=np.int64)] = True
        return allowed

    def _key_of(self, _: int, row: Row) -> tuple[Any, ...]:
        return tuple(row[name] for name in self.meta.key)

    def _rows_of(self, places: Sequence[int]) -> dict[int, dict[str, Any]]:
        wanted = shown_columns(self.meta)
        if self.shown is not None:
            return {place: dict(zip(wanted, self.shown.read(place), strict=True)) for place in places}
        listed = ", ".join(identifier(name) for name in wanted)
        numbers = ", ".join(str(int(place)) for place in places) or "NULL"
        sql = f"SELECT {NUMBER}, {listed} FROM {ROWS} WHERE {NUMBER} IN ({numbers})"
        return {row[0]: dict(zip(wanted, row[1:], strict=True)) for row in self.rows.execute(sql).fetchall()}


def _sound(folder: Path, target: str, depth: Depth) -> IndexMeta:
    meta, damage = read_meta(folder), find_damage(folder, depth)
    if meta is None or damage:
        raise _damaged(target, f"{folder} {damage}")
    return meta


def _damaged(target: str, problem: str) -> TargetFailed:
    return TargetFailed(
        target=target, problem=problem, fix=f"Make it anew: `orchestrator projections rebuild {target}`."
    )


def _bytes_of(file: Path) -> Any:
    import numpy as np

    # An empty file cannot be mapped.
    return np.memmap(file, dtype=np.uint8, mode="r") if file.stat().st_size else np.zeros(0, dtype=np.uint8)


def _open_rows(file: Path) -> duckdb.DuckDBPyConnection:
    # A database of its own in memory: one that is opened by its path is shared with whoever opened it before.
    connection = connect(extensions=(FULL_TEXT,))
    connection.execute(f"ATTACH {literal(str(file))} AS opened (READ_ONLY)")
    connection.execute("USE opened")
    # Questions are small: handing them to several threads takes longer than answering them.
    connection.execute("SET threads = 1")
    connection.execute("SET TimeZone = 'UTC'")
    close_off(connection)
    return connection


def _ranked(scores: "Floats", places: "Integers") -> Ranked[int]:
    return Ranked(places.tolist(), scores[places])
