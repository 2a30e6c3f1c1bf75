"""What lies in landing and would be landed now, and whether it is time to ask for it. Reads names and times of files,
the ledger's quarantine, and no contents.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..authority.agent_files import Invocation
from ..gate.context import Gate
from ..gate.cycle.landing import held_arrivals
from ..reading.landing_files import LandedFile, find_landed_files
from ..records.base import Record, sha256_of
from ..records.declarations import AssetDeclaration, SourceBuild
from ..records.keys import AssetKey
from .backoff import Tried

# A landing takes whatever is there; so many of its files tell whether it came on.
_REMEMBERED = 500


@dataclass(frozen=True)
class Landable:
    """The landing folder of a source: files that a landing would take, and whether others may be whole in a moment."""

    source: str
    asset: AssetKey
    ready: tuple[LandedFile, ...]
    settling: bool
    held: int = 0

    @property
    def arrivals(self) -> frozenset[str]:
        """What tells these files from any others, short."""
        return frozenset(sha256_of([file.name, file.arrival])[:12] for file in self.ready[:_REMEMBERED])


class Asked(Record):
    """What a source was last asked to land."""

    arrivals: frozenset[str]
    tried: Tried


@dataclass(frozen=True)
class Answer:
    """Whether to ask a source to land, what to remember either way, and what to tell a person. `waits` says that there
    are files that will be asked for later.
    """

    ask: bool
    asked: Asked | None
    says: str
    waits: bool = False


def automatic_sources(gate: Gate) -> Iterator[AssetDeclaration]:
    """Yields the sources whose agent may be started by itself."""
    for declaration in gate.assets.values():
        manual = gate.principals[declaration.producer].invocation is Invocation.MANUAL
        if isinstance(declaration.build, SourceBuild) and not manual:
            yield declaration


def landing_folder(gate: Gate, declaration: AssetDeclaration) -> Path:
    """Returns the folder in which files of the source wait."""
    assert isinstance(declaration.build, SourceBuild)
    return gate.settings.home.landing / declaration.build.name


def find_landable(gate: Gate, declaration: AssetDeclaration) -> Landable:
    """Returns what a landing of the source would take now; what waits for a rejected candidate is no part of it."""
    build = declaration.build
    assert isinstance(build, SourceBuild)
    settings = gate.settings
    found = find_landed_files(
        landing_folder(gate, declaration),
        build.options,
        now=gate.now().timestamp(),
        settle_seconds=settings.settle_seconds,
        closed_seconds=settings.closed_seconds,
    )
    held = held_arrivals(gate, declaration) if found.ready else frozenset()
    ready = tuple(file for file in found.ready if (file.name, file.arrival) not in held)
    return Landable(build.name, declaration.key, ready, bool(found.settling), len(found.ready) - len(ready))


def answer(landable: Landable, before: Asked | None, now: float, busy: Sequence[str] = ()) -> Answer:
    """Returns whether the source is to be asked now.

    Files that were asked for and lie there still, although nobody is at work on them, are asked for again after a
    while, twice as long each time; files that came in meanwhile wait with them.

    Args:
        busy: Who lands the source now.
    """
    name = landable.source
    if not landable.ready:
        held = f"{name}: {landable.held} files wait for a decision" if landable.held else ""
        return Answer(False, None, held)
    n_files = f"{name}: {len(landable.ready)} file{'s' if len(landable.ready) != 1 else ''}"
    if busy:
        return Answer(False, before, f"{n_files}, while {busy[0]} lands it", waits=True)
    arrivals = landable.arrivals
    if before is None or not before.arrivals <= arrivals:
        return Answer(True, Asked(arrivals=arrivals, tried=Tried(what=name, at=now)), n_files)
    if not before.tried.is_due(now):
        return Answer(False, before, f"{n_files}, {before.tried.says(now)}", waits=True)
    tried = Tried(what=name, n=before.tried.n + 1, at=now)
    return Answer(True, Asked(arrivals=arrivals, tried=tried), f"{n_files}, for the {tried.n}. time")
