"""Kills an act wherever it is told, looks at what is left, and lets the next run finish; counts what was seen."""

import random
import signal
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from killed_line import Act, Line, kill_after, kill_at_line, trace_lines
from killed_run import PACKAGE, run_killed
from prepared_homes import (
    Homes,
    approve_totals,
    back_up_home,
    build_tables,
    collect,
    discard_totals,
    finish,
    is_there,
    land_files,
    release_all,
    replay_rows,
    replay_totals,
    restore_home,
    roll_back,
)
from whole_home import Facts, Start, read_facts, start_again

STAGES: Mapping[str, Sequence[str]] = {
    "landing": ("operations.land", "gate.intake", "gate.land", "gate.cycle.landing"),
    "building": (
        "operations.build",
        "gate.build",
        "gate.workbench",
        "gate.cycle.tables",
        "gate.cycle.table_pass",
        "gate.cycle.building",
    ),
    "closing": ("gate.candidate", "gate.delta"),
    "auditing": ("gate.audit",),
    "publishing": (
        "gate.publish",
        "gate.seal",
        "gate.cycle.order",
        "lake.writer",
        "lake.platform_tables",
        "lake.schema_change",
        "lake.rereading",
        "lake.readers",
    ),
    "projecting": ("operations.projections", "projections.outbox", "projections.journal"),
    "rolling back": ("operations.rollback", "gate.rollback", "lake.restoring"),
    "approving": ("operations.approve", "gate.cycle.approval"),
    "replaying": ("operations.replay", "gate.cycle.replay_rows", "gate.cycle.replay_candidate", "gate.cycle.waiting"),
    "discarding": ("operations.discard", "gate.cycle.discard"),
    "releasing": ("operations.releases", "gate.release"),
    "collecting": (
        "operations.gc",
        "gate.upkeep",
        "gate.leftovers",
        "gate.scratch",
        "lake.retention",
        "lake.maintenance",
    ),
    "backing up": ("operations.backup", "operations.backup_store"),
    "restoring": ("operations.restore", "operations.backup_store", "lake.catalog"),
}
STAGE_OF = {module: stage for stage, modules in STAGES.items() for module in modules}
# What each act goes through.
ACTS: Mapping[Act, Sequence[str]] = {
    land_files: ("landing", "closing", "auditing", "publishing", "projecting"),
    build_tables: ("building", "closing", "auditing", "publishing", "projecting"),
    roll_back: ("rolling back", "publishing", "projecting"),
    approve_totals: ("approving", "publishing", "projecting"),
    replay_rows: ("replaying", "closing", "auditing", "publishing", "projecting"),
    replay_totals: ("replaying", "auditing", "publishing", "projecting"),
    discard_totals: ("discarding", "publishing", "projecting"),
    release_all: ("releasing", "publishing", "projecting"),
    collect: ("collecting", "publishing", "projecting"),
    back_up_home: ("backing up",),
    restore_home: ("restoring",),
}
Kill = Callable[[Path, Act], bool]


@dataclass(frozen=True)
class Place:
    """Where to kill: in which stage, in words, and how."""

    stage: str
    words: str
    kill: Kill


@dataclass
class Tally:
    """What kills were seen to do; `missed` are places that a run did not come to, because the run before was done."""

    kills: Counter[str] = field(default_factory=Counter)
    missed: list[Place] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unaudited: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    slowest_start_seconds: float = 0
    slowest_start_work_seconds: float = 0

    @property
    def n_kills(self) -> int:
        return sum(self.kills.values())

    def see(self, where: str, start: Start) -> None:
        self.lost += [f"{where}: {item}" for item in start.lost]
        self.doubled += [f"{where}: {item}" for item in start.doubled]
        self.unaudited += [f"{where}: {item}" for item in start.unaudited]
        self.slowest_start_seconds = max(self.slowest_start_seconds, start.seconds)
        self.slowest_start_work_seconds = max(self.slowest_start_work_seconds, start.seconds_of_work)

    def figures(self) -> dict[str, object]:
        return {
            "kills": dict(self.kills),
            "lost": len(self.lost),
            "doubled": len(self.doubled),
            "unaudited": len(self.unaudited),
            "differing": len(self.differing),
            "slowest_start_seconds": self.slowest_start_seconds,
        }

    def require_whole(self) -> None:
        assert self.lost + self.doubled + self.unaudited + self.differing == []
        # Of the process's own work, so that a machine with other work to do says nothing of ours.
        assert self.slowest_start_work_seconds < 2


class Killing:
    """One act on one home. What an undisturbed child does is what every killed one must have come to in the end."""

    def __init__(self, homes: Homes, act: Act, tally: Tally, modules: Sequence[str] = ()) -> None:
        self.homes, self.act, self.tally = homes, act, tally
        self.landed = homes.landed(act)
        self.lines = trace_lines(modules, homes.put_back(act), act)
        self.undisturbed = self._finish()
        self._start(f"{act.__name__}, not killed")

    def kill(self, *places: Place) -> None:
        """Kills the act at the first place, the next try at the second, and so on, before one is let to its end."""
        project = self.homes.put_back(self.act)
        where = self.act.__name__
        for place in places:
            where = f"{where}, {place.words}"
            if place.kill(project, self.act):
                self.tally.kills[place.stage] += 1
                self._start(where)
            else:
                self.tally.missed.append(place)
        found = self._finish()
        self.tally.differing += [f"{where}: {item}" for item in differences(self.undisturbed, found)]

    def _start(self, where: str) -> None:
        # A home that is being restored is there whole, or not at all.
        if self.act is not restore_home or is_there(self.homes.project):
            self.tally.see(where, start_again(self.homes.project, self.landed))

    def _finish(self) -> Facts:
        finish(self.homes.project, self.act)
        return read_facts(self.homes.project)


def modules_of(act: Act) -> list[str]:
    return [module for stage in ACTS[act] for module in STAGES[stage]]


def differences(due: Facts, found: Facts) -> list[str]:
    pairs = {name: (getattr(due, name), getattr(found, name)) for name in Facts.__dataclass_fields__}
    return [f"{name} should be {expected}, is {got}" for name, (expected, got) in pairs.items() if expected != got]


def at_line(line: Line, act: Act) -> Place:
    words, stage = f"{line.module}:{line.number}", next(s for s in ACTS[act] if line.module in STAGES[s])
    return Place(stage, words, lambda project, act: kill_at_line(line, project, act))


def at_function(module: str, function: str, when: str) -> Place:
    def kill(project: Path, act: Act) -> bool:
        return run_killed(project, f"{PACKAGE}.{module}", function, when, act) == -signal.SIGKILL

    return Place(STAGE_OF[module], f"{when} {module}.{function}", kill)


def at_time(seconds: float) -> Place:
    return Place("at a random time", f"{seconds:.3f} s", lambda project, act: kill_after(seconds, project, act))


def in_chains(places: Sequence[Place], length: int, seed: int) -> list[list[Place]]:
    """Returns places, given in the order of a run, in chains of random members that keep the order.

    The later kills come upon what the earlier ones left, and an earlier place cannot be missed for them.
    """
    mixed = random.Random(seed).sample(range(len(places)), len(places))  # noqa: S311 - the same on every run
    chains = (sorted(mixed[start : start + length]) for start in range(0, len(mixed), length))
    return [[places[n] for n in chain] for chain in chains]
