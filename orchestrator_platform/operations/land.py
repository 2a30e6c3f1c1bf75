"""Brings files into landing and lands them: the use case behind `orchestrator land`."""

import filecmp
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..authority.agent_files import Invocation
from ..authority.permissions import require_start, started_by
from ..errors import AlreadyLanded, BaseMoved, Misuse
from ..gate.context import Gate
from ..gate.cycle.landing import Landed, land_source
from ..gate.cycle.order import Order
from ..gate.outcomes import Escalated, Rejected
from ..reading.landing_files import FilesFound, find_landed_files, matches_pattern
from ..records.declarations import AssetDeclaration, SourceBuild
from ..records.ledger import FileState
from .build import ORCHESTRATOR
from .projections import project
from .storing import stores

_ATTEMPTS = 5


@dataclass(frozen=True)
class LandResult:
    """What became of the files; `copied` came from the folders named, `passed_over` matched no pattern."""

    source: str
    landed: Landed
    copied: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()

    @property
    def is_no(self) -> bool:
        """Whether the candidate was not approved, or a file was refused whole."""
        refused = any(entry.state is FileState.REFUSED for entry in self.landed.ledger)
        return refused or isinstance(self.landed.outcome, Rejected | Escalated)


@dataclass(frozen=True)
class LandPlan:
    """What a landing would copy and what it would find: `present` has settled in landing, `ignored` fits no pattern."""

    source: str
    copied: tuple[str, ...]
    passed_over: tuple[str, ...]
    present: tuple[str, ...]
    waiting: tuple[tuple[str, str], ...]
    ignored: tuple[str, ...]


def find_source(gate: Gate, name: str) -> AssetDeclaration:
    """Returns the declaration of a source by its name or by its raw table's.

    Raises:
        Misuse: The project has no such source.
    """
    sources = {d.build.name: d for d in gate.assets.values() if isinstance(d.build, SourceBuild)}
    found = sources.get(name) or next((d for d in sources.values() if d.key == name), None)
    if found is None:
        listed = ", ".join(sorted(sources)) or "none"
        raise Misuse(f"There is no source {name!r}. Known: {listed}. Add one: `orchestrator new source {name} FILE…`.")
    return found


@stores
def land(
    gate: Gate,
    source: str,
    paths: Sequence[Path] = (),
    *,
    reason: str = "land new files",
    on_behalf_of: str = "",
    started: Invocation | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> LandResult:
    """Copies files or folders into landing, leaving them untouched, and lands what is there.

    Unless `started` says so, a person started it where it is on a person's behalf.

    Raises:
        NotPermitted: An agent may not do its part, or only a person may start it.
        Misuse: There is no such source or path, no file under the paths fits the source, or another
            file of the same name waits in landing.
    """
    declaration = find_source(gate, source)
    build = declaration.build
    assert isinstance(build, SourceBuild)
    chosen, passed_over = _choose(build, paths)
    copied = tuple(chosen)
    how = started or started_by(on_behalf_of)
    require_start(gate.principals[declaration.producer], how)
    order = Order(frozenset({declaration.key}), ORCHESTRATOR, reason, on_behalf_of, started=how)
    _bring_in(gate, order, declaration, gate.settings.home.landing / build.name, chosen)
    landed = _land_once(gate, order, declaration, copied, on_progress)
    project(gate)
    return LandResult(build.name, landed, copied, passed_over)


def plan_landing(gate: Gate, source: str, paths: Sequence[Path] = ()) -> LandPlan:
    """Returns what `land` would do with the files, from their names alone; nothing is copied or read.

    Raises:
        Misuse: As for `land`.
    """
    build = find_source(gate, source).build
    assert isinstance(build, SourceBuild)
    chosen, passed_over = _choose(build, paths)
    folder = gate.settings.home.landing / build.name
    found = FilesFound((), (), ())
    if folder.is_dir():
        found = find_landed_files(
            folder,
            build.options,
            now=gate.now().timestamp(),
            settle_seconds=gate.settings.settle_seconds,
            closed_seconds=gate.settings.closed_seconds,
        )
    present = tuple(file.name for file in found.ready)
    return LandPlan(build.name, tuple(chosen), passed_over, present, found.waiting, found.ignored)


def _land_once(
    gate: Gate,
    order: Order,
    declaration: AssetDeclaration,
    copied: Sequence[str],
    on_progress: Callable[[int, int], None] | None,
) -> Landed:
    for attempt in range(_ATTEMPTS):
        try:
            return land_source(gate, order, declaration, complete=frozenset(copied), on_progress=on_progress)
        except (AlreadyLanded, BaseMoved) as error:
            if attempt == _ATTEMPTS - 1:
                raise
            gate.say(f"{error} Trying again.")
    raise AssertionError("unreachable")


def _choose(build: SourceBuild, paths: Sequence[Path]) -> tuple[dict[str, Path], tuple[str, ...]]:
    """Returns the files to copy by their name in landing, and the names that fit no pattern; copies nothing."""
    chosen: dict[str, Path] = {}
    passed_over = []
    for path in paths:
        if not path.exists():
            raise Misuse(f"{path} is not there. Nothing was landed.")
        for file, name in _files(path):
            if not matches_pattern(name, build.options.pattern):
                passed_over.append(name)
            elif name in chosen and not chosen[name].samefile(file):
                raise Misuse(
                    f"{chosen[name]} and {file} would both be {name} in landing. Nothing was landed."
                    " Land one after the other, or the folder that holds both."
                )
            else:
                chosen[name] = file
    if paths and not chosen:
        patterns = ", ".join(build.options.pattern)
        named = ", ".join(map(str, paths))
        raise Misuse(f"No file under {named} fits the source {build.name} ({patterns}). Nothing was landed.")
    return chosen, tuple(passed_over)


def _files(path: Path) -> list[tuple[Path, str]]:
    if not path.is_dir():
        return [(path, path.name)]
    found = [file for file in sorted(path.rglob("*")) if file.is_file() and not file.is_symlink()]
    return [(file, file.relative_to(path).as_posix()) for file in found]


def _bring_in(gate: Gate, order: Order, declaration: AssetDeclaration, folder: Path, files: Mapping[str, Path]) -> None:
    """Copies files into landing; what has such a name there already is landed first, never overwritten."""
    taken = [name for name, file in files.items() if not _copy(file, folder / name)]
    if not taken:
        return
    landed = _land_once(gate, order, declaration, (), None)
    for name in taken:
        # The rows of a held file wait in quarantine, its bytes are in the archive.
        if not _copy(files[name], folder / name, replace=name in landed.held):
            why = dict(landed.waiting).get(name, "it came in just now")
            raise Misuse(
                f"Landing holds another {name} that is not landed yet: {why}. {files[name]} was not copied."
                f" Land what is there first: `orchestrator land {folder.name}`, then this file again."
            )


def _copy(file: Path, target: Path, *, replace: bool = False) -> bool:
    """Returns whether the target now holds the file's bytes; without `replace` nothing else is lost for it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name[:200]}.{os.getpid()}.partial")
    try:
        shutil.copy2(file, partial)
        if replace:
            partial.replace(target)
        else:
            os.link(partial, target)
    except FileExistsError:
        return filecmp.cmp(partial, target, shallow=False)
    finally:
        partial.unlink(missing_ok=True)
    return True
