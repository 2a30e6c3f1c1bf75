"""Brings a source's new files into landing from where somebody publishes them: the use case behind `orchestrator pull`.

Landing them is another matter. Commands and sensors share one state, kept in the home.
"""

import random
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ..authority.acts import Act
from ..authority.agent_files import Invocation
from ..authority.permissions import require, require_start, started_by
from ..errors import Misuse, PullFailed, PullRefused
from ..gate.context import Gate
from ..pulling.failures import PassingFailure
from ..pulling.http_file import Clock
from ..pulling.pull_state import load_state, next_look, save_state
from ..reading.landing_files import matches_pattern
from ..records.declarations import AssetDeclaration, SourceBuild
from ..records.events import Event
from ..records.pulls import GitPull, HttpPull, Pulled, PullOutcome, PullState
from .projections import note
from .pull_git import CommitsPulled, Wanted, pull_commits
from .pull_http import FilePulled, PullingPlace, pull_file
from .pulling_sources import declared_pull, pulled_alone, pulling_git, pulling_place, source_name
from .storing import stores


@stores
def pull(
    gate: Gate,
    source: str,
    *,
    reason: str = "look for new files",
    on_behalf_of: str = "",
    started: Invocation | None = None,
    clock: Clock | None = None,
) -> Pulled:
    """Asks the source's address for what is new and lets it arrive in landing, whole.

    Raises:
        Misuse: There is no such source, it pulls from nowhere, or it is switched off; or the home is an overlay.
        NotPermitted: The agent that lands it may not pull, or only a person may start it.
        LockTimeout: Somebody else pulls it now.
        PullFailed, PullRefused: Nothing more could be brought. When to ask again has been noted.
    """
    declaration, options = declared_pull(gate, source)
    if gate.settings.over is not None:
        raise Misuse(f"An overlay pulls nothing: {options.url} was not asked. Pull into the home below it.")
    _require_on(declaration, options)
    producer = gate.principals[declaration.producer]
    require_start(producer, started or started_by(on_behalf_of))
    require(producer, Act.PULL, declaration.key, gate.seats)
    with pulled_alone(gate, declaration):
        return _Pass(gate, declaration, options, reason, on_behalf_of, clock or Clock()).run()


def _require_on(declaration: AssetDeclaration, options: HttpPull | GitPull) -> None:
    if not options.enabled:
        raise Misuse(
            f"{source_name(declaration)} is switched off. {options.url} was not asked. Say `enabled: true` below"
            f" `pull` in {declaration.origin} to switch it on."
        )


@dataclass(frozen=True)
class _Pass:
    gate: Gate
    declaration: AssetDeclaration
    options: HttpPull | GitPull
    reason: str
    on_behalf_of: str
    clock: Clock

    def run(self) -> Pulled:
        state = load_state(self._folder, self._source)
        try:
            place = pulling_place(self.gate, self._source, self.options, self.clock, self._save)
            pulled = self._pull(state, place)
        except PassingFailure as error:
            raise self._failed(PullFailed(url=self.options.url, problem=str(error))) from error
        except (PullFailed, PullRefused) as error:
            self._failed(error)
            raise
        return self._done(pulled)

    @property
    def _folder(self) -> Path:
        return self.gate.settings.home.pulls

    @property
    def _source(self) -> str:
        return source_name(self.declaration)

    def _save(self, state: PullState) -> None:
        save_state(self._folder, self._source, state)

    def _pull(self, state: PullState, place: PullingPlace) -> CommitsPulled:
        self.gate.say(f"asking {self.options.url}")
        if isinstance(self.options, HttpPull):
            done = pull_file(self.options, state, place)
            return _as_commits(done)
        return pull_commits(self.options, state, place, pulling_git(self.options, place), self._wanted(self.options))

    def _wanted(self, options: GitPull) -> Wanted:
        build = self.declaration.build
        assert isinstance(build, SourceBuild)
        return Wanted(
            is_wanted=lambda path: matches_pattern(path, options.files),
            fits=lambda name: matches_pattern(name, build.options.pattern),
        )

    def _done(self, pulled: CommitsPulled) -> Pulled:
        now = self.gate.now()
        looked: dict[str, Any] = {"looked_at": now, "n_failures": 0, "problem": "", "next_at": self._next(now, 0)}
        arrived = {"arrived_at": now} if pulled.files else {}
        self._save(pulled.state.model_copy(update={**looked, **arrived}))
        outcome = Pulled(
            source=self._source,
            asset=self.declaration.key,
            outcome=PullOutcome.ARRIVED if pulled.files else PullOutcome.UNCHANGED,
            files=tuple(pulled.files),
            n_commits=pulled.n_commits,
            n_records=pulled.n_records,
            n_alone=pulled.n_alone,
            n_deleted=pulled.n_deleted,
            n_passed_over=pulled.n_passed_over,
            remarks=tuple(pulled.remarks),
            why="; ".join(pulled.why),
            next_at=looked["next_at"],
        )
        if pulled.files or pulled.n_commits:
            counts = outcome.model_dump(mode="json", include=_TOLD, exclude_defaults=True)
            self._note("arrived", {"files": len(outcome.files), "size_bytes": outcome.size_bytes, **counts})
        return outcome

    def _failed(self, error: PullFailed | PullRefused) -> PullFailed | PullRefused:
        """Notes the failure, and when to ask again; of a row of failures the journal has the first."""
        now = self.gate.now()
        # What arrived before it failed has been noted meanwhile.
        state = load_state(self._folder, self._source)
        n_failures = state.n_failures + 1
        failed = {"n_failures": n_failures, "problem": str(error.problem), "next_at": self._next(now, n_failures)}
        self._save(state.model_copy(update={**failed, "looked_at": now}))
        if n_failures == 1 or state.problem != error.problem:
            self._note("failed", {"problem": error.problem, "code": error.code})
        return error

    def _next(self, now: datetime, n_failures: int) -> datetime:
        return next_look(now, n_failures, self.options.every.length(), random.random())  # noqa: S311 (spreads, hides nothing)

    def _note(self, outcome: str, details: dict[str, Any]) -> None:
        event = Event(
            id=self.gate.new_id(),
            at=self.gate.now(),
            agent=self.declaration.producer,
            act=Act.PULL,
            subject=self.declaration.key,
            outcome=outcome,
            reason=self.reason,
            on_behalf_of=self.on_behalf_of,
            inputs={"url": self.options.url},
            details=details,
        )
        note(self.gate.settings, [event])


_TOLD = {"n_commits", "n_records", "n_alone", "n_deleted", "n_passed_over", "remarks"}


def _as_commits(done: FilePulled) -> CommitsPulled:
    files = [done.file] if done.file is not None else []
    return CommitsPulled(done.state, files, why=[done.why] if done.why else [])
