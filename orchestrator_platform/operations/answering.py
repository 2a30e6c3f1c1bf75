"""Answers for single rows by the model that is published now: it is followed without a restart, and questions that come
at the same time are answered in one go.
"""

import queue
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..errors import ModelNotServed, OrchestratorError, RowsRefused
from ..gate.context import Gate
from ..lake.published import PublishedCut
from ..lake.readers import latest_snapshot
from ..learning.models.artefact import predict, unpack_model
from ..learning.models.deciding import call_classes, require_probabilities
from ..records.declarations import AssetDeclaration
from ..storage import storage_failure, table_file_damage
from .champions import Champion, read_champion
from .score import answer_of

# What waits is answered together up to so many rows; a single question pays for no more than its neighbours'.
_MOST_TOGETHER = 256


@dataclass(frozen=True)
class Answered:
    """Answers in the order of the rows, and the model that gave all of them."""

    champion: Champion
    rows: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class _Opened:
    """A champion whose artefact was opened: its types were compared with those allowed before anything was built."""

    champion: Champion
    estimator: Any

    def answer(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        champion = self.champion
        given = predict(self.estimator, champion.inputs.frame(rows))
        classes = champion.row.classes
        require_probabilities(given, len(rows), len(classes))
        places, confidence = call_classes(given, classes, champion.options.positive, champion.row.thresholds)
        return [answer_of(champion, row, given[n], classes[places[n]], confidence[n]) for n, row in enumerate(rows)]


@dataclass(frozen=True)
class _Asked:
    opened: _Opened
    rows: Sequence[dict[str, Any]]
    answer: "Future[Answered]"


@dataclass
class Answering:
    """Holds the champion open, looks every `every_seconds` whether another one serves, and answers.

    What is wrong with the one that serves, or that none does, is told by whoever asks.
    """

    gate: Gate
    declaration: AssetDeclaration
    every_seconds: float = 0.5
    _state: _Opened | OrchestratorError | None = None
    _snapshot: int | None = None
    _asked: "queue.SimpleQueue[_Asked | None]" = field(default_factory=queue.SimpleQueue)
    _ended: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Opens what serves, and begins to follow it and to answer; what cannot be opened yet is tried again."""
        self._look_again()
        for work in (self._follow, self._answer_all):
            thread = threading.Thread(target=work, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Ends following and answering; what was asked before is answered."""
        self._ended.set()
        self._asked.put(None)
        for thread in self._threads:
            thread.join()

    @property
    def champion(self) -> Champion:
        """The model that answers now.

        Raises:
            OrchestratorError: None does; why.
        """
        return self._opened().champion

    def ask(self, rows: Sequence[Any]) -> "Future[Answered]":
        """Returns what will hold the answers.

        Raises:
            ModelNotServed: No version of the model serves.
            RowsRefused: A row breaks the contract of what the model is given; none is answered.
        """
        opened = self._opened()
        if problems := opened.champion.inputs.problems(rows):
            raise RowsRefused(model=opened.champion.asset, problems=problems, n_rows=len(rows))
        asked = _Asked(opened, rows, Future())
        self._asked.put(asked)
        return asked.answer

    def look(self) -> None:
        """Opens another champion where one serves now; what answered before answers until that is done."""
        snapshot = latest_snapshot(self.gate.layout.readers)
        if snapshot == self._snapshot and self._state is not None:
            return
        cut = self.gate.cut_for_readers()
        try:
            champion = read_champion(self.gate, self.declaration, cut)
            before = self._state
            if isinstance(before, _Opened) and before.champion.row.artefact_sha256 == champion.row.artefact_sha256:
                self._state = _Opened(champion, before.estimator)
            else:
                self._state = _open(champion)
        except OrchestratorError as error:
            self._state = error
        except Exception as error:  # noqa: BLE001  # whatever is wrong with what serves is told to whoever asks it
            if not self._answers_for(cut):
                self._state = self._unreadable(error)
            return
        self._snapshot = snapshot

    def _answers_for(self, cut: PublishedCut) -> bool:
        """Whether the version that is open still serves: one that was replaced or taken back never answers."""
        state, head = self._state, cut.heads.get(self.declaration.key)
        return isinstance(state, _Opened) and head is not None and state.champion.head == head.version

    def _unreadable(self, error: Exception) -> OrchestratorError:
        home = self.gate.settings.home
        damage = table_file_damage(error, home.lake) or storage_failure(error, home.lake)
        first = (str(error).strip() or "no message").splitlines()[0][:300]
        why = f"what serves cannot be opened ({type(error).__name__}: {first}). It is tried again"
        return damage or ModelNotServed(model=self.declaration.key, why=why)

    def _opened(self) -> _Opened:
        state = self._state
        if isinstance(state, _Opened):
            return state
        raise state if state is not None else ModelNotServed(model=self.declaration.key, why="it is not opened yet")

    def _look_again(self) -> None:
        # A lake of which not even the heads can be read for a moment leaves the model that answers.
        with suppress(Exception):
            self.look()

    def _follow(self) -> None:
        while not self._ended.wait(self.every_seconds):
            self._look_again()

    def _answer_all(self) -> None:
        while (first := self._asked.get()) is not None:
            together, n_rows, last = [first], len(first.rows), False
            while n_rows < _MOST_TOGETHER and not last:
                try:
                    following = self._asked.get_nowait()
                except queue.Empty:
                    break
                last = following is None
                if following is not None:
                    together.append(following)
                    n_rows += len(following.rows)
            # Nobody waits any more for what was cancelled; from here on it cannot be.
            _answer_together([one for one in together if one.answer.set_running_or_notify_cancel()])
            if last:
                return


def _open(champion: Champion) -> _Opened:
    return _Opened(champion, unpack_model(champion.artefact, champion.options.allowed_types))


def _answer_together(asked: Sequence[_Asked]) -> None:
    """One call of the model for all that ask the same one."""
    by_model: dict[int, list[_Asked]] = {}
    for one in asked:
        by_model.setdefault(id(one.opened), []).append(one)
    for group in by_model.values():
        opened = group[0].opened
        try:
            answers = opened.answer([row for one in group for row in one.rows])
        except Exception as error:  # noqa: BLE001  # what a model does is told to whoever asked it
            _answer_apart(group, error)
            continue
        begin = 0
        for one in group:
            one.answer.set_result(Answered(opened.champion, tuple(answers[begin : begin + len(one.rows)])))
            begin += len(one.rows)


def _answer_apart(asked: Sequence[_Asked], error: Exception) -> None:
    """Rows that break the model are no reason to refuse others that happened to wait beside them."""
    if len(asked) == 1:
        asked[0].answer.set_exception(error)
        return
    for one in asked:
        _answer_together([one])


def status_of(answering: Answering) -> Mapping[str, Any]:
    """Returns whether a model answers, and which."""
    try:
        return {"status": "ok", **answering.champion.told}
    except OrchestratorError as error:
        return {"status": "not served", "asset": answering.declaration.key, "why": str(error)}
