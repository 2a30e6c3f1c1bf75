"""Carries committed events to what is made from them. Any number of times, with the same result."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..lake.history import read_outbox
from ..lake.published import PublishedCut
from ..records.events import Event
from ..records.keys import Snapshot

Apply = Callable[[Sequence[Event]], object]


@dataclass(frozen=True)
class Projection:
    """How far one target has come. `lag` counts snapshots that it has not seen."""

    target: str
    applied: Snapshot
    lag: int
    error: str = ""


def apply_outbox(cut: PublishedCut, state: Path, targets: Mapping[str, Apply]) -> tuple[Projection, ...]:
    """Applies to each target what it has not seen; a target that fails keeps its place and is reported."""
    return tuple(_apply_one(cut, state, name, apply) for name, apply in targets.items())


def _apply_one(cut: PublishedCut, state: Path, name: str, apply: Apply) -> Projection:
    seen = applied_snapshot(state, name)
    if seen >= cut.snapshot:
        return Projection(name, seen, 0)
    connection = cut.connect()
    try:
        pending = read_outbox(connection, after=seen)
    finally:
        connection.close()
    try:
        apply([event for _, event in pending])
        _remember(state, name, cut.snapshot)
    except OSError as error:
        return Projection(name, seen, cut.snapshot - seen, str(error))
    return Projection(name, cut.snapshot, 0)


def applied_snapshot(state: Path, name: str) -> Snapshot:
    """Returns the last snapshot that the target has seen; a lost or damaged note means none."""
    try:
        return Snapshot(int(json.loads((state / f"{name}.json").read_text(encoding="utf-8"))["snapshot"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Snapshot(0)


def _remember(state: Path, name: str, snapshot: Snapshot) -> None:
    state.mkdir(parents=True, exist_ok=True)
    partial = state / f"{name}.json.partial"
    partial.write_text(json.dumps({"snapshot": snapshot}), encoding="utf-8")
    partial.replace(state / f"{name}.json")
