"""Lands what arrives and builds what changed, until it is stopped: the use case behind `orchestrator watch`.

It asks for what Dagster's sensors ask for, by the same rules, and needs neither daemon nor server.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ..authority.agent_files import Invocation
from ..errors import OrchestratorError
from ..gate.context import Gate
from ..gate.outcomes import Outcome
from ..records.declarations import AssetDeclaration, SourceBuild
from ..records.keys import AssetKey
from ..settings import Settings
from .alerts import raise_alerts
from .backoff import Tried, try_again
from .build import build, rehearse_dbt
from .definition_state import definition_state
from .file_events import FileEvents
from .land import LandResult, land
from .landable import Asked, answer, automatic_sources, find_landable
from .lineage import slow_last
from .project_assets import load_gate
from .queueing import in_turn
from .stale import StaleAssets
from .storing import storing

WHO = "orchestrator watch"
# What another process publishes, or a file system without events brings, is found by looking.
_LOOK_SECONDS, _BUSY_SECONDS, _SETTLING_SECONDS = 2.0, 0.5, 0.05
# What becomes late while nothing happens is told too.
_ALERT_SECONDS = 60.0


@dataclass(frozen=True)
class Problem:
    """Something could not be brought to its end; it is tried again later."""

    about: str
    error: OrchestratorError


Told = LandResult | Outcome | Problem


@dataclass
class Watch:
    """`tell` is given what became of everything, with the gate that it went through."""

    settings: Settings
    tell: Callable[[Gate, Told], None]
    load: Callable[[Settings], Gate] = load_gate
    clock: Callable[[], float] = time.time
    _asked: dict[str, Asked] = field(default_factory=dict)
    _tried: dict[AssetKey, Tried] = field(default_factory=dict)
    _trouble: Tried | None = None
    _stopping: bool = False
    _events: FileEvents | None = None
    _gate: Gate | None = None
    _prepared: Gate | None = None
    _loaded_from: object = None
    _alerted_at: float = 0.0

    def run(self, *, once: bool = False) -> None:
        """Works until it is stopped; `once` ends when nothing is left that could be done now.

        Raises:
            DefinitionError: The project cannot be loaded at all.
            OrchestratorError: With `once`, the home cannot be worked in; else that is told, and waited out.
        """
        # Looked at first: what is written while it loads counts as changed.
        self._loaded_from = definition_state(self.settings)
        self._gate = self.load(self.settings)
        with FileEvents(self.settings.home.landing) as events:
            self._events = events
            while not self._stopping:
                gate = self._current_gate()
                try:
                    pause, self._trouble = self._carry(gate, prepares=not once), None
                except OrchestratorError as error:
                    if once:
                        raise
                    pause = self._in_trouble(gate, error)
                self._raise_alerts(gate)
                if once and pause > _SETTLING_SECONDS:
                    return
                events.wait(pause)

    def stop(self) -> None:
        """Lets it end after what it is at; may be called from a signal's receiver."""
        self._stopping = True
        if self._events is not None:
            self._events.wake()

    def _carry(self, gate: Gate, *, prepares: bool) -> float:
        """Does what there is to do, and returns how long to wait before looking again; not at all after work."""
        with storing(gate):
            pause = self._carry_all(gate)
            # Where nothing is at hand, what the first file would wait for is done now.
            if prepares and pause == _LOOK_SECONDS and self._prepared is not gate:
                self._prepared = gate
                rehearse_dbt(gate)
        return pause

    def _carry_all(self, gate: Gate) -> float:
        pause, worked = _LOOK_SECONDS, False
        for source in automatic_sources(gate):
            found = find_landable(gate, source)
            said = answer(found, self._asked.get(found.source), self.clock())
            if said.asked is None:
                self._asked.pop(found.source, None)
            else:
                self._asked[found.source] = said.asked
            if said.ask and not self._stopping:
                self._land(gate, source)
                worked = True
            pause = min(pause, _SETTLING_SECONDS if found.settling else _BUSY_SECONDS if said.waits else pause)
        if not self._stopping and self._build(gate):
            worked = True
        return 0.0 if worked else pause

    def _in_trouble(self, gate: Gate, error: OrchestratorError) -> float:
        """A full disk, or a lake that cannot be read, keeps everything waiting until it is mended."""
        now, before = self.clock(), self._trouble
        if before is None or before.what != str(error):
            self.tell(gate, Problem("the home", error))
        self._trouble = try_again(before, str(error), now) or before
        assert self._trouble is not None
        return max(self._trouble.due - now, _BUSY_SECONDS)

    def _land(self, gate: Gate, source: AssetDeclaration) -> None:
        assert isinstance(source.build, SourceBuild)
        try:
            with in_turn(gate, [source.key], WHO):
                landed = land(gate, source.build.name, reason="it arrived in landing", started=Invocation.AUTOMATIC)
        except OrchestratorError as error:
            self.tell(gate, Problem(source.key, error))
        else:
            self.tell(gate, landed)

    def _build(self, gate: Gate) -> bool:
        due = list(self._due(gate))
        for group in slow_last(gate, due):
            if not self._stopping:
                self._build_together(gate, group)
        return bool(due)

    def _build_together(self, gate: Gate, assets: Sequence[AssetKey]) -> None:
        try:
            with in_turn(gate, assets, WHO):
                result = build(gate, assets, reason="what it is made of changed", started=Invocation.AUTOMATIC)
        except OrchestratorError as error:
            self.tell(gate, Problem(", ".join(assets[:3]), error))
        else:
            for outcome in result.outcomes:
                self.tell(gate, outcome)

    def _due(self, gate: Gate) -> Iterator[AssetKey]:
        for asset, stale in StaleAssets(gate).read().items():
            tried = try_again(self._tried.get(asset), stale.inputs, self.clock())
            if tried is not None:
                self._tried[asset] = tried
                yield asset

    def _raise_alerts(self, gate: Gate) -> None:
        now = self.clock()
        # A clock that was set back keeps nothing quiet.
        if not 0 <= now - self._alerted_at < _ALERT_SECONDS:
            self._alerted_at = now
            raise_alerts(gate)

    def _current_gate(self) -> Gate:
        """Returns the gate, loaded anew where a definition changed; a project that is wrong now is left as it was."""
        assert self._gate is not None
        found = definition_state(self.settings)
        if found != self._loaded_from:
            self._loaded_from = found
            try:
                self._gate = self.load(self.settings)
            except OrchestratorError as error:
                self.tell(self._gate, Problem("the project", error))
        return self._gate
