"""What can be wrong with a home beside its lake: parts, marker, disk, clock, left-overs, archive, projections."""

import importlib.metadata
import platform
import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from ..audits.raw_checks import archived_path
from ..errors import CandidateDamaged, Misuse, NewerHome
from ..gate.candidate import load_manifest
from ..gate.leftovers import waiting_candidates
from ..home_format import HOME_FORMAT, check_home_format, read_home_format
from ..lake.content import hash_file
from ..lake.examining import RESTORE, LakeSeen
from ..projections.journal import NAME as JOURNAL
from ..projections.outbox import applied_snapshot
from ..projections.serving import all_remembered, is_behind
from ..records.candidates import MANIFEST
from ..records.keys import CandidateId
from ..records.ledger import FileState
from ..records.upkeep import Ailment, Severity
from ..records.verdicts import VERDICT, Verdict
from ..settings import Home
from .local_copies import damaged_copies

_PACKAGE = "orchestrator-platform"
FIX = "orchestrator doctor --fix"
SYNC, REBUILD = "orchestrator projections sync", "orchestrator projections rebuild"
_LEAST_FREE_BYTES = 1_000_000_000
_CLOCK_TOLERANCE = timedelta(minutes=1)


def check_parts() -> Iterator[Ailment]:
    """The versions that are installed against those that this package asks for."""
    asked = SpecifierSet(importlib.metadata.metadata(_PACKAGE)["Requires-Python"] or "")
    if platform.python_version() not in asked:
        yield _unsupported("python", platform.python_version(), str(asked))
    for text in importlib.metadata.requires(_PACKAGE) or ():
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            found = "not installed"
        if found == "not installed" or not requirement.specifier.contains(found, prereleases=True):
            yield _unsupported(requirement.name, found, str(requirement.specifier))


def _unsupported(part: str, found: str, asked: str) -> Ailment:
    return Ailment(
        check="parts",
        severity=Severity.ERROR,
        culprit=part,
        problem=f"is {found}, supported is {asked}",
        command="uv sync",
    )


def check_marker(home: Home) -> Iterator[Ailment]:
    """The home's format, and what a crash left of writing it."""
    try:
        found = read_home_format(home)
        check_home_format(home)
    except NewerHome as error:
        yield _marker_ailment(home, str(error), "install the version of the platform that wrote it", "")
        return
    except Misuse:
        yield _marker_ailment(home, "cannot be read", FIX, "writes it anew, from what the lake holds")
        return
    if found is None:
        yield _marker_ailment(home, "is missing", FIX, "writes it anew, from what the lake holds")
    elif found < HOME_FORMAT:
        problem = f"format {found}; the next command that writes brings it to {HOME_FORMAT}, with a copy aside first"
        yield Ailment(check="format", severity=Severity.NOTE, culprit=str(home.root), problem=problem)
    partial = home.marker.with_suffix(".json.partial")
    if partial.exists():
        yield Ailment(
            check="marker",
            severity=Severity.WARN,
            culprit=str(partial),
            problem="was left by a process that was killed while it wrote the format",
            command=FIX,
            fix="removes it",
        )


def _marker_ailment(home: Home, problem: str, command: str, fix: str) -> Ailment:
    return Ailment(
        check="marker", severity=Severity.ERROR, culprit=str(home.marker), problem=problem, command=command, fix=fix
    )


def check_disk(home: Home, seen: LakeSeen | None) -> Iterator[Ailment]:
    """Whether the next publication finds room: as much as the largest table's, and a gigabyte at least."""
    free = shutil.disk_usage(home.root).free
    by_table: dict[str, int] = {}
    for file in seen.files if seen else ():
        if file.is_shown_by(seen.newest if seen else file.begins):
            by_table[file.table] = by_table.get(file.table, 0) + file.size_bytes
    needed = max(_LEAST_FREE_BYTES, 2 * max(by_table.values(), default=0))
    if free < needed:
        yield Ailment(
            check="disk",
            severity=Severity.ERROR if free < needed / 10 else Severity.WARN,
            culprit=str(home.root),
            problem=f"{free / 1e9:.1f} GB are free, and the next publication may need {needed / 1e9:.1f} GB",
            command="orchestrator gc --dry-run",
        )


def check_clock(seen: LakeSeen, now: datetime) -> Iterator[Ailment]:
    """A publication in the future: the clock went back, or was wrong then. Ages and names sort wrongly by it."""
    newest = max(seen.receipts, key=lambda receipt: receipt.published_at, default=None)
    if newest is not None and newest.published_at > now + _CLOCK_TOLERANCE:
        yield Ailment(
            check="clock",
            severity=Severity.ERROR,
            culprit=f"{newest.asset}@{newest.version}",
            problem=f"was published at {newest.published_at:%Y-%m-%d %H:%M:%S}Z and it is {now:%Y-%m-%d %H:%M:%S}Z now",
            command="date --utc",
        )


def check_folders(names: Sequence[str], n_orphans: int) -> Iterator[Ailment]:
    """Left-overs of killed runs: folders, and files of the lake that no snapshot shows."""
    for name in names:
        yield Ailment(
            check="leftovers",
            severity=Severity.WARN,
            culprit=name,
            problem="was left by a run that was killed",
            command=FIX,
            fix="removes it",
        )
    if n_orphans:
        yield Ailment(
            check="leftovers",
            severity=Severity.WARN,
            culprit="lake/data",
            problem=f"files that no version ever showed: {n_orphans}",
            command=FIX,
            fix="removes them",
        )


def check_archive(home: Home, seen: LakeSeen, *, quick: bool) -> Iterator[Ailment]:
    """Every landed file that the ledger accounts for must be in the archive."""
    for entry in seen.ledger:
        path = archived_path(home.archive, entry.file_sha256)
        problem = None
        if entry.state is FileState.DUPLICATE:
            continue
        if not path.exists():
            problem = "is missing"
        elif path.stat().st_size != entry.size_bytes or (not quick and hash_file(path) != entry.file_sha256):
            problem = "has other bytes than were landed"
        if problem:
            culprit = f"archive of {entry.source}/{entry.file}"
            yield Ailment(
                check="archive",
                severity=Severity.ERROR,
                culprit=culprit,
                problem=f"{problem}: {path}",
                command=RESTORE,
            )


def check_candidates(home: Home, seen: LakeSeen) -> Iterator[Ailment]:
    """Candidates that wait must be there, and be what was judged."""
    for waiting in waiting_candidates(seen.entries):
        problem = _problem_of(home, CandidateId(str(waiting.candidate)))
        if problem:
            yield Ailment(
                check="candidates",
                severity=Severity.ERROR,
                culprit=f"candidate {waiting.id} of {waiting.asset}",
                problem=f"waits in quarantine, and {problem}",
                command=RESTORE,
            )


def _problem_of(home: Home, candidate: CandidateId) -> str | None:
    if not (home.candidates / candidate / MANIFEST).exists():
        return "its files are gone"
    try:
        manifest = load_manifest(home.candidates, candidate)
        kept = (home.candidates / candidate / VERDICT).read_bytes()
        sealed = Verdict.model_validate_json(kept).seal.manifest
    except CandidateDamaged as error:
        return f"its {error.file} {error.problem}"
    except (OSError, ValueError):
        return f"its {VERDICT} cannot be read"
    return None if sealed == manifest.digest() else f"its {MANIFEST} was changed after it was judged"


def check_projections(home: Home, seen: LakeSeen, *, quick: bool) -> Iterator[Ailment]:
    """How far what follows the lake has come, and whether it is whole.

    What only Dagster's processes can apply is no ailment.
    """
    lag = seen.newest - applied_snapshot(home.projections, JOURNAL)
    if lag > 0:
        yield Ailment(
            check="projections",
            severity=Severity.WARN,
            culprit=JOURNAL,
            problem=f"is {lag} snapshots behind",
            command=FIX,
            fix="applies what is missing",
        )
    for target, damage in damaged_copies(home, quick=quick).items():
        yield _lagging(target, f"cannot answer: {damage}", f"{REBUILD} {target}")
    for served in all_remembered(home.projections):
        head = seen.heads.get(served.asset)
        if is_behind(served, head, served.settings):
            published = head.version if head is not None and not head.withdrawn else None
            problem = f"serves {_of(served.version)}, published is {_of(published)}. {served.error}".rstrip(" .")
            yield _lagging(served.target, problem, SYNC)


def _of(version: int | None) -> str:
    return "nothing" if version is None else f"version {version}"


def _lagging(target: str, problem: str, command: str) -> Ailment:
    return Ailment(check="projections", severity=Severity.WARN, culprit=target, problem=problem, command=command)
