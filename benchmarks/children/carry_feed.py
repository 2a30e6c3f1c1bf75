"""Carries a feed from files to marts on the platform, step by step in one process, and prints what each step took.

Run as `python -m benchmarks.children.carry_feed HOME STEPS.json`; a step is
`{"name": …, "land": [[source, [path, …]], …], "build": true}`.
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.children.phases import Phases
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.gate.outcomes import Outcome, Published
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.records.candidates import AssetKind
from orchestrator_platform.records.declarations import DbtBuild
from orchestrator_platform.records.keys import AssetKey

# module, the name by which it calls, what the table calls it
_WATCHED = (
    ("gate.cycle.landing", "take_in", "archive files"),
    ("gate.land", "read_for", "read files"),
    ("gate.cycle.landing", "close_candidate", "close"),
    ("gate.cycle.landing", "audit_candidates", "audit raw"),
    ("gate.cycle.order", "publish", "publish"),
    ("gate.cycle.building", "build_dbt_stage", "dbt build"),
    ("gate.cycle.table_pass", "close_candidate", "close"),
    ("gate.cycle.table_pass", "audit_candidates", "audit tables"),
    ("gate.audit", "_run_tests", "of it dbt tests"),
)


def main(home: str, steps: str) -> None:
    started = time.perf_counter()
    gate = Platform.open(Path(home), Path(__file__).resolve().parents[2]).gate
    loaded = time.perf_counter() - started
    told = [_take(gate, Path(home), step) for step in json.loads(Path(steps).read_text(encoding="utf-8"))]
    print(json.dumps({"load": loaded, "steps": told}))


def _take(gate: Gate, home: Path, step: Mapping[str, Any]) -> dict[str, Any]:
    from orchestrator_platform.operations.build import build
    from orchestrator_platform.operations.land import land

    before = file_states(home)
    outcomes: list[Outcome] = []
    with _watched() as phases:
        started = time.perf_counter()
        for source, paths in step.get("land", []):
            outcomes.append(land(gate, source, [Path(path) for path in paths]).landed.outcome)
        landed = time.perf_counter()
        if step.get("build"):
            outcomes += build(gate, sorted(made_of_files(gate))).outcomes
        ended = time.perf_counter()
    after = file_states(home)
    changed = {path: state for path, state in after.items() if before.get(path) != state}
    return {
        "name": step["name"],
        "seconds": ended - started,
        "land": landed - started,
        "build": ended - landed,
        "phases": phases.seconds,
        "longest_lock": phases.longest_lock,
        "outcomes": {outcome.asset: type(outcome).__name__ for outcome in outcomes},
        "inserted": {o.asset: o.receipt.n_inserted for o in outcomes if isinstance(o, Published)},
        "files_changed": len(changed) + len(before.keys() - after.keys()),
        "bytes_written": sum(size for size, _, _ in changed.values()),
    }


def made_of_files(gate: Gate) -> frozenset[AssetKey]:
    """Returns the dbt tables that need nothing but files: what the plain way makes too.

    Vectors, features and scores are measured against ways of their own, and so is left out what reads them.
    """
    found: set[AssetKey] = set()
    for key, declared in gate.assets.items():  # parents first
        of_files = all(gate.assets[parent].kind is AssetKind.RAW or parent in found for parent in declared.parents)
        if isinstance(declared.build, DbtBuild) and of_files:
            found.add(key)
    return frozenset(found)


@contextmanager
def _watched() -> Iterator[Phases]:
    """Clocks for one step, taken off afterwards."""
    writer: Any = import_module("orchestrator_platform.lake.writer")
    modules = [(import_module(f"orchestrator_platform.{path}"), name, phase) for path, name, phase in _WATCHED]
    before = [(module, name, getattr(module, name)) for module, name, _ in modules]
    before.append((writer, "writer_lock", writer.writer_lock))
    phases = Phases()
    for module, name, phase in modules:
        phases.watch(module, name, phase)
    phases.watch_lock()
    try:
        yield phases
    finally:
        for module, name, function in before:
            setattr(module, name, function)


def file_states(home: Path) -> dict[str, tuple[int, int, int]]:
    """Returns size, time of change and inode of every file of the home."""
    states = {}
    for folder, _, names in os.walk(home):
        for name in names:
            path = Path(folder) / name
            found = path.lstat()
            states[str(path)] = (found.st_size, found.st_mtime_ns, found.st_ino)
    return states


if __name__ == "__main__":
    main(*sys.argv[1:])
